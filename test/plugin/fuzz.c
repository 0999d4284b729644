/*
 * The whole plugin, in a process of its own for every case, between mutated inputs and a mutated
 * agent. Built together with plugin.c under the address and undefined-behaviour sanitizers; see
 * fuzz.test.ts.
 *
 * fuzz SOCKET SEED CASES
 *
 * Checked in every case: the sanitizers are silent, the exit code is 0 or 1, stdout holds one JSON
 * object or nothing, a refusal is never silent, and what was sent is one well-formed request.
 */
#define main plugin_main
#include "../../cni/plugin.c"
#undef main
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { TEXT_MAX = 1 << 16 };

/* A finding must not look like a refusal, whose exit code is 1. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "exitcode=99:detect_leaks=0";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) {
    return "exitcode=99:print_stacktrace=1";
}

static uint64_t random_state;
static uint64_t seed;
static long current_case;
/* How far the cases came, so that a reader sees that they do not all end at the door. */
static long asked, answered;

/* splitmix64: small, and the same sequence everywhere. */
static uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(size_t limit) {
    return (size_t)(next_random() % limit);
}

static const char *const configs[] = {
    "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"ipam\":{\"type\":\"orbweaver\"}}",
    "{\"cniVersion\":\"0.4.0\",\"a\":[1,-2.5e+7,true,null,\"\\u00e9\\\\ \\n\"],\"b\":{\"c\":{}}}",
    "{\"x\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\",\"cniVersion\":\"0.3.1\"}", "[]", "",
};
static const char *const replies[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 22\r\nConnection: close\r\n\r\n{\"cniVersion\":\"1.0.0\"}",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 503 Busy\r\nx-y: z\r\ncontent-length: 20\r\n\r\n{\"code\":11,\"msg\":\"\"}",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "HTTP/1.0 200\r\nContent-Length:2\r\n\r\n{}", "",
};
static const char *const commands[] = {"ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"};
static const char *const values[] = {
    "ADD", "/proc/self/ns/net", "eth0", "1", "true",
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0", "",
};
static const char *const names[] = {
    "CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH",
    "CNI_NETNS_OVERRIDE",
};
static const char *const tokens[] = {
    "\"", "\\", "{", "}", "[", "]", ",", ":", "\r\n", "\r\n\r\n", "Content-Length: ", "4194305",
    "18446744073709551617", "Transfer-Encoding: x\r\n", "\"cniVersion\":", "\\u12", "\xf0\x9f",
    "\xed\xa0\x80", "\xff", "-", "1.1.0-1234567890123456789012345678901234567890",
    "1e", "0x", "nul", " ", "\t", "HTTP/1.1 ", "999", "000",
};

#define PICK(list) (list)[below(sizeof(list) / sizeof *(list))]

/* One small change somewhere in `text`; gives back the new length. */
static size_t mutate(char *text, size_t length) {
    size_t at = below(length + 1);
    const char *token = PICK(tokens);
    size_t token_length = strlen(token);
    size_t repeats = 1 + (below(20) == 0 ? below(20000) : 0);
    size_t room = (TEXT_MAX - 1 - length) / token_length;
    switch (below(5)) {
    case 0:
        if (length > 0) text[at % length] = (char)next_random();
        return length;
    case 1:
        if (length > 0) text[at % length] ^= (char)(1 << below(8));
        return length;
    case 2: {
        size_t cut = below(length - at + 1);
        memmove(text + at, text + at + cut, length - at - cut);
        return length - cut;
    }
    case 3:
        return at;
    default:
        if (repeats > room) repeats = room;
        memmove(text + at + repeats * token_length, text + at, length - at);
        for (size_t i = 0; i < repeats * token_length; i++) text[at + i] = token[i % token_length];
        return length + repeats * token_length;
    }
}

/* A text of the list, unchanged in one case of four. */
static size_t mutated(char *into, const char *text) {
    size_t length = strlen(text);
    memcpy(into, text, length);
    if (below(4) == 0) return length;
    for (size_t changes = 1 + below(6); changes > 0; changes--) length = mutate(into, length);
    return length;
}

static void fail(const char *what) {
    fprintf(stderr, "fuzz: %s, seed %llu, case %ld\n", what, (unsigned long long)seed,
            current_case);
    exit(1);
}

static char environment_texts[8][TEXT_MAX + 64];

/* Some of the variables, set to something, and the socket; the command is mostly one. */
static void make_environment(char **environment, const char *socket_path) {
    int count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (below(16) == 0) continue;
        char *entry = environment_texts[count];
        char *value = put(put(entry, names[i]), "=");
        size_t length = i == 0 && below(16) > 0 ? strlen(strcpy(value, PICK(commands)))
                                                : mutated(value, PICK(values));
        for (size_t byte = 0; byte < length; byte++) {
            if (value[byte] == 0) value[byte] = 1;
        }
        value[length] = 0;
        environment[count++] = entry;
    }
    char *entry = environment_texts[count];
    *put(put(entry, "ORBWEAVER_SOCKET="), socket_path) = 0;
    environment[count++] = entry;
    environment[count] = NULL;
}

/* A file in memory with this content, read from its beginning. */
static int memory_file(const char *content, size_t length) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, content, length, 0) != (ssize_t)length) fail("no memory file");
    return fd;
}

static void check_request(const char *text, size_t length) {
    const char *body = memmem(text, length, "\r\n\r\n", 4);
    if (length == 0) return;
    if (strncmp(text, "POST /cni HTTP/1.1\r\n", 20) != 0 || body == NULL) fail("a broken head");
    body += 4;
    size_t body_length = length - (size_t)(body - text);
    const char *declared = strstr(text, "Content-Length: ");
    if (declared == NULL || strtoul(declared + 16, NULL, 10) != body_length) fail("a wrong length");
    if (!json_is_one_object(body, body_length)) fail("a request that is not JSON");
}

/*
 * The agent for one connection: takes the request whole, or hangs up at once, and answers in
 * pieces.
 */
static void serve(int connection, const char *answer_text, size_t length) {
    static char received[JSON_ESCAPE_GROWTH * 8 * TEXT_MAX];
    size_t count = 0;
    const char *end = NULL;
    size_t wanted = sizeof received - 1;
    if (below(16) == 0) {
        close(connection);
        return;
    }
    while (count < wanted) {
        ssize_t got = read(connection, received + count, sizeof received - 1 - count);
        if (got <= 0) break;
        count += (size_t)got;
        received[count] = 0;
        if (end == NULL && (end = strstr(received, "\r\n\r\n")) != NULL) {
            const char *declared = strstr(received, "Content-Length: ");
            if (declared == NULL) fail("no Content-Length");
            wanted = (size_t)(end + 4 - received) + strtoul(declared + 16, NULL, 10);
        }
    }
    check_request(received, count);
    asked++;
    while (length > 0) {
        size_t piece = below(3) == 0 ? 1 + below(length) : length;
        ssize_t sent = send(connection, answer_text, piece, MSG_NOSIGNAL);
        if (sent <= 0) break;
        answer_text += sent;
        length -= (size_t)sent;
    }
    close(connection);
}

static void check_output(int output, int status) {
    static char printed[1 << 20];
    ssize_t length = pread(output, printed, sizeof printed, 0);
    if (!WIFEXITED(status)) fail("it was killed by a signal");
    if (WEXITSTATUS(status) > 1) fail("a sanitizer spoke, or the exit code is neither 0 nor 1");
    if (length < 0 || length == sizeof printed) fail("its output cannot be read");
    if (length > 0 && !json_is_one_object(printed, (size_t)length)) {
        fail("its output is not one object");
    }
    if (length == 0 && WEXITSTATUS(status) == 1) fail("a silent refusal");
    answered += WEXITSTATUS(status) == 0;
}

/*
 * The JSON functions on a copy that ends where the text ends, so that one byte too far is seen: in
 * the plugin's own buffers there is room behind every text.
 */
static void check_text(const char *text, size_t length) {
    char *exact = malloc(length);
    char *escaped = malloc(JSON_ESCAPE_GROWTH * length + 2);
    if (exact == NULL || escaped == NULL) fail("no memory");
    memcpy(exact, text, length);
    struct json_member member = {"\"cniVersion\"", NULL, NULL};
    const char *end = json_object(exact, exact + length, JSON_DEPTH_MAX, &member);
    if (end != NULL && (end < exact || end > exact + length)) fail("a value that ends outside");
    json_is_one_object(exact, length);
    char *to = put_string(escaped, exact, length);
    if (json_string(escaped, to) != to) fail("an escaped text that is not a JSON string");
    free(exact);
    free(escaped);
}

static void run_case(int listener, const char *socket_path) {
    static char config_text[TEXT_MAX], answer_text[TEXT_MAX], called_as[TEXT_MAX];
    char *environment[16];
    size_t config_length = mutated(config_text, PICK(configs));
    size_t answer_length = mutated(answer_text, PICK(replies));
    check_text(config_text, config_length);
    check_text(answer_text, answer_length);
    called_as[mutated(called_as, "/opt/cni/bin/orbweaver")] = 0;
    make_environment(environment, socket_path);
    int input = memory_file(config_text, config_length);
    int output = memory_file("", 0);
    int ended[2];
    if (pipe(ended) != 0) fail("no pipe");
    pid_t child = fork();
    if (child == 0) {
        /* The other end of this pipe hangs up when the child is gone. */
        close(ended[0]);
        dup2(input, 0);
        dup2(output, 1);
        char *arguments[] = {called_as, NULL};
        _exit(plugin_main(below(50) == 0 ? 0 : 1, arguments, environment));
    }
    close(ended[1]);
    struct pollfd events[2] = {{listener, POLLIN, 0}, {ended[0], 0, 0}};
    while (poll(events, 2, -1) > 0 && (events[0].revents & POLLIN) != 0) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0) serve(connection, answer_text, answer_length);
    }
    int status;
    waitpid(child, &status, 0);
    check_output(output, status);
    close(ended[0]);
    close(input);
    close(output);
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 4 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
    strcpy(address.sun_path, argv[1]);
    seed = strtoull(argv[2], NULL, 10);
    long cases = strtol(argv[3], NULL, 10);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("no socket");
    if (listen(listener, 8) != 0) fail("no queue");
    for (current_case = 0; current_case < cases; current_case++) {
        /*
         * Every case has a seed of its own, so that it can be found without running those before.
         */
        random_state = seed ^ ((uint64_t)current_case << 32);
        run_case(listener, argv[1]);
    }
    printf("%ld cases, seed %llu, %ld asked the agent, %ld ended well\n", cases,
           (unsigned long long)seed, asked, answered);
    return 0;
}
