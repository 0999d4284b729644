/*
 * orbweaver: the CNI IPAM plugin. A container runtime starts it for every verb; it carries the
 * call to the agent over a unix socket, prints the answer and exits. It decides nothing about
 * addresses.
 *
 *   stdin + CNI_* --> one JSON body --> POST /cni on the socket --> reply --> stdout + exit code
 *
 * What must hold on every path, with the reasons in README.md beside this file:
 *   - stdout carries exactly one JSON document, or nothing (invariant I11), and only after the
 *     whole reply is here; the exit code is the verdict;
 *   - nothing is sent twice: it tries again only while not one byte has been sent;
 *   - every wait has an end, and a signal only restarts it with the time that is left.
 *
 * One process serves one call, so the call is a static structure and the large buffers are static
 * too: pages that are never touched cost nothing.
 */
#ifdef NOLIBC
#include "nolibc.h"
#else
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#endif
#include <stdarg.h>

#include "json.h"

/*
 * Waits in milliseconds. Together they stay below the two to four minutes that runtimes give a
 * call, and the agent answers within 30 s by itself. The tests build with shorter ones; the
 * installed plugin has no knobs, because a wait that one host overrides is a wait that nobody can
 * reason about.
 */
#ifndef STDIN_WAIT_MS
#define STDIN_WAIT_MS 5000
#endif
#ifndef CONNECT_WAIT_MS
#define CONNECT_WAIT_MS 5000
#endif
#ifndef SEND_WAIT_MS
#define SEND_WAIT_MS 10000
#endif
#ifndef REPLY_WAIT_MS
#define REPLY_WAIT_MS 60000
#endif
#ifndef STDOUT_WAIT_MS
#define STDOUT_WAIT_MS 10000
#endif
/* Without CNI_COMMAND it is a person who started it, at a terminal that sends no end of file. */
#define STDIN_WAIT_WITHOUT_COMMAND_MS 300
#define BACKOFF_FIRST_MS 10
#define BACKOFF_LAST_MS 320

/* Limits in bytes. */
#define CONFIG_BYTES_MAX (1024 * 1024)
#define ENVIRONMENT_BYTES_MAX (64 * 1024)
#define CALLED_AS_BYTES_MAX 255
#define VERSION_BYTES_MAX 32
#define REPLY_HEAD_BYTES_MAX (64 * 1024)
#define REPLY_BODY_BYTES_MAX (4 * 1024 * 1024)
/* A pipe that is ready takes this much without blocking (PIPE_BUF on Linux). */
#define STDOUT_PIECE_BYTES_MAX 4096

#define SOCKET_PATH_DEFAULT "/run/orbweaver/cni.sock"
#define VERSION_NEWEST "1.1.0"
#define VERSIONS "\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

/* Error codes of the CNI specification, and the exit codes. */
enum {
    CODE_ENVIRONMENT = 4, CODE_IO = 5, CODE_DECODE = 6, CODE_TRY_AGAIN = 11,
    CODE_STATUS_UNAVAILABLE = 50
};
enum { EXIT_ANSWERED = 0, EXIT_REFUSED = 1 };

enum { CONTAINERID, NETNS, IFNAME, ARGS, PATH, FORWARDED_COUNT };
static const char *const forwarded_names[FORWARDED_COUNT] = {
    "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH",
};

static struct {
    const char *called_as;
    const char *command;                    /* NULL when it is not set, like the next ones. */
    const char *forwarded[FORWARDED_COUNT];
    const char *netns_override;
    const char *socket_path;
    size_t config_length;
    char version[VERSION_BYTES_MAX + 1];    /* What errors are printed in. */
} call;

/* One byte more than allowed tells "too long" from "just fits". */
static char config[CONFIG_BYTES_MAX + 1];
#define REQUEST_HEAD_BYTES_MAX 256
#define REQUEST_NAMES_BYTES_MAX 1024
static char request[REQUEST_HEAD_BYTES_MAX + REQUEST_NAMES_BYTES_MAX + JSON_ESCAPE_GROWTH *
                    (CONFIG_BYTES_MAX + ENVIRONMENT_BYTES_MAX + CALLED_AS_BYTES_MAX)];
static char reply[REPLY_HEAD_BYTES_MAX + REPLY_BODY_BYTES_MAX];

/* -------------------------------------------------------------------------------------- text */

#define SENTENCE_BYTES_MAX 1024

static char *put(char *to, const char *text) {
    size_t length = strlen(text);
    memcpy(to, text, length);
    return to + length;
}

static char *put_number(char *to, uint64_t number) {
    char digits[20];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0) *to++ = digits[--count];
    return to;
}

/* The number as text. Up to four results are good at a time: no sentence here holds more. */
static const char *decimal(uint64_t number) {
    static char texts[4][21];
    static int next;
    char *text = texts[next++ & 3];
    *put_number(text, number) = 0;
    return text;
}

/*
 * Joins texts up to a NULL, cut at SENTENCE_BYTES_MAX - 1 bytes: paths and values may be of any
 * length.
 */
static const char *join(char into[SENTENCE_BYTES_MAX], ...) {
    size_t length = 0;
    va_list texts;
    va_start(texts, into);
    for (const char *text; (text = va_arg(texts, const char *)) != NULL;) {
        while (*text != 0 && length < SENTENCE_BYTES_MAX - 1) into[length++] = *text++;
    }
    va_end(texts);
    into[length] = 0;
    return into;
}

static char sentence[SENTENCE_BYTES_MAX];
static char more[SENTENCE_BYTES_MAX];
#define SAY(...) join(sentence, __VA_ARGS__, (const char *)NULL)
#define DETAIL(...) join(more, __VA_ARGS__, (const char *)NULL)

/* The error for people: what it means here, with the name that a search engine knows. */
static const char *error_text(int error) {
    static char text[SENTENCE_BYTES_MAX];
    switch (error) {
    case ENOENT: return "no such file (ENOENT)";
    case ECONNREFUSED: return "nobody listens there (ECONNREFUSED)";
    case EAGAIN: return "too many callers are waiting there (EAGAIN)";
    case EACCES: return "permission denied (EACCES)";
    case ENOTDIR: return "a part of the path is not a folder (ENOTDIR)";
    case EBADF: return "it is closed (EBADF)";
    case EPIPE: return "the reader is gone (EPIPE)";
    case ECONNRESET: return "the connection was reset (ECONNRESET)";
    case ENOSPC: return "no space left (ENOSPC)";
    case EIO: return "input/output error (EIO)";
    default: return join(text, "errno ", decimal((uint64_t)error), (const char *)NULL);
    }
}

/* ----------------------------------------------------------------------------------- waiting */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * What the descriptor is ready for (POLLERR, POLLHUP and POLLNVAL included: the next call on it
 * tells why), or 0 once `deadline_ms` has passed. EINTR goes on with the time that is left.
 */
static short wait_for(int fd, short events, int64_t deadline_ms) {
    for (;;) {
        int64_t left_ms = deadline_ms - now_ms();
        if (left_ms <= 0) return 0;
        struct pollfd one = {fd, events, 0};
        if (poll(&one, 1, (int)left_ms) > 0) return one.revents;
    }
}

static void sleep_ms(int64_t ms) {
    struct pollfd none = {-1, 0, 0};
    poll(&none, 0, (int)ms);
}

/* ------------------------------------------------------------------------------------ output */

/* stderr is for people who watch; a full pipe there must not hold the call. */
static void complain(const char *text) {
    struct pollfd standard_error = {2, POLLOUT, 0};
    if (poll(&standard_error, 1, 0) <= 0) return;
    ssize_t ignored = write(2, text, strlen(text));
    (void)ignored;
}

/* Prints the one document and exits: `verdict` when all of it was taken, EXIT_REFUSED when not. */
__attribute__((noreturn)) static void finish(const char *text, size_t length, int verdict) {
    int64_t deadline_ms = now_ms() + STDOUT_WAIT_MS;
    const char *fault = NULL;
    while (length > 0 && fault == NULL) {
        if (wait_for(1, POLLOUT, deadline_ms) == 0) {
            fault = "nobody reads it";
            break;
        }
        size_t piece = length < STDOUT_PIECE_BYTES_MAX ? length : STDOUT_PIECE_BYTES_MAX;
        ssize_t written = write(1, text, piece);
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        } else if (written == 0) {
            fault = error_text(EIO);
        } else if (errno != EINTR && errno != EAGAIN) {
            fault = error_text(errno);
        }
    }
    if (fault != NULL) {
        verdict = EXIT_REFUSED;
        complain(SAY("orbweaver: the result could not be written to stdout: ", fault, "\n"));
    }
    _exit(verdict);
}

/* Prints a CNI error object and exits. `details` says what to do next. */
__attribute__((noreturn)) static void refuse(int code, const char *message, const char *details) {
    static char object[256 + 2 * JSON_ESCAPE_GROWTH * SENTENCE_BYTES_MAX];
    char *to = put(object, "{\"cniVersion\":\"");
    to = put(to, call.version);
    to = put(to, "\",\"code\":");
    to = put_number(to, (uint64_t)code);
    to = put(to, ",\"msg\":\"");
    to = json_escape(to, message, strlen(message));
    to = put(to, "\",\"details\":\"");
    to = json_escape(to, details, strlen(details));
    to = put(to, "\"}\n");
    finish(object, (size_t)(to - object), EXIT_REFUSED);
}

/*
 * There was no answer, for a reason that a later try may not meet. STATUS has a code of its own
 * for that.
 */
__attribute__((noreturn)) static void refuse_for_now(const char *message, const char *details) {
    bool status = strcmp(call.command, "STATUS") == 0;
    refuse(status ? CODE_STATUS_UNAVAILABLE : CODE_TRY_AGAIN, message, details);
}

/* ------------------------------------------------------------------------------------- input */

/* The value of a variable, or NULL when it is not set; set and empty is a value. */
static const char *variable(char **environment, const char *name) {
    size_t length = strlen(name);
    for (; *environment != NULL; environment++) {
        const char *entry = *environment;
        size_t same = 0;
        while (same < length && entry[same] == name[same]) same++;
        if (same == length && entry[length] == '=') return entry + length + 1;
    }
    return NULL;
}

static const char *last_part(const char *path) {
    const char *part = path;
    for (; *path != 0; path++) {
        if (*path == '/') part = path + 1;
    }
    return part;
}

static void read_environment(int argc, char **argv, char **environment) {
    call.called_as = argc > 0 ? last_part(argv[0]) : "orbweaver";
    call.command = variable(environment, "CNI_COMMAND");
    for (int i = 0; i < FORWARDED_COUNT; i++) {
        call.forwarded[i] = variable(environment, forwarded_names[i]);
    }
    call.netns_override = variable(environment, "CNI_NETNS_OVERRIDE");
    call.socket_path = variable(environment, "ORBWEAVER_SOCKET");
    if (call.socket_path == NULL || *call.socket_path == 0) call.socket_path = SOCKET_PATH_DEFAULT;
}

enum config_state { CONFIG_WHOLE, CONFIG_LATE, CONFIG_UNREADABLE, CONFIG_TOO_LONG };

/* Reads stdin to its end; what came before a failure stays, and errno says why it is unreadable. */
static enum config_state read_config(int64_t wait_ms) {
    int64_t deadline_ms = now_ms() + wait_ms;
    while (call.config_length <= CONFIG_BYTES_MAX) {
        /*
         * The pipe is blocking: without this wait a runtime that forgot to close it would hold us
         * for ever.
         */
        if (wait_for(0, POLLIN, deadline_ms) == 0) return CONFIG_LATE;
        ssize_t got = read(0, config + call.config_length, sizeof config - call.config_length);
        if (got == 0) return CONFIG_WHOLE;
        if (got > 0) call.config_length += (size_t)got;
        else if (errno != EINTR && errno != EAGAIN) return CONFIG_UNREADABLE;
    }
    return CONFIG_TOO_LONG;
}

static bool is_version_byte(char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '.' || byte == '-' || byte == '+';
}

/* Errors are printed in the config's own cniVersion when it can be one, else in the newest. */
static void find_version(void) {
    put(call.version, VERSION_NEWEST);
    const char *end = config + call.config_length;
    struct json_member member = {"\"cniVersion\"", NULL, NULL};
    json_object(json_space(config, end), end, JSON_DEPTH_MAX, &member);
    if (member.first == NULL || *member.first != '"') return;
    const char *text = member.first + 1;
    size_t length = (size_t)(member.end - member.first) - 2;
    if (length == 0 || length > VERSION_BYTES_MAX) return;
    for (size_t i = 0; i < length; i++) {
        if (!is_version_byte(text[i])) return;
    }
    memcpy(call.version, text, length);
    call.version[length] = 0;
}

__attribute__((noreturn)) static void refuse_config(enum config_state state) {
    switch (state) {
    case CONFIG_LATE:
        refuse(CODE_IO,
               SAY("the network config on stdin did not end within ", decimal(STDIN_WAIT_MS),
                   " ms"),
               "the caller must write the config and then close stdin");
    case CONFIG_TOO_LONG:
        refuse(CODE_DECODE,
               SAY("the network config on stdin is longer than ", decimal(CONFIG_BYTES_MAX),
                   " bytes"),
               "shorten the network config, or what the runtime adds to it (runtimeConfig, "
               "prevResult)");
    default:
        refuse(CODE_IO, SAY("the network config cannot be read from stdin: ", error_text(errno)),
               "the caller must give the config on stdin");
    }
}

/* ------------------------------------------------------------------------------------- verbs */

__attribute__((noreturn)) static void answer_version(void) {
    char object[256];
    char *to = put(object, "{\"cniVersion\":\"");
    to = put(to, call.version);
    to = put(to, "\",\"supportedVersions\":[" VERSIONS "]}\n");
    finish(object, (size_t)(to - object), EXIT_ANSWERED);
}

static bool is_forwarded_command(const char *command) {
    static const char *const commands[] = {"ADD", "DEL", "CHECK", "GC", "STATUS"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(command, commands[i]) == 0) return true;
    }
    return false;
}

#define COMMANDS_SPOKEN "the commands are ADD, DEL, CHECK, GC, STATUS and VERSION"

/*
 * Everything that can be wrong before the agent is asked. Policy is not: the agent judges the
 * values.
 */
static void check_call(enum config_state state) {
    if (!is_forwarded_command(call.command)) {
        refuse(CODE_ENVIRONMENT, SAY("CNI_COMMAND is not a CNI command: ", call.command),
               COMMANDS_SPOKEN);
    }
    if (state != CONFIG_WHOLE) refuse_config(state);
    size_t total = 0;
    int longest = 0;
    size_t longest_length = 0;
    for (int i = 0; i < FORWARDED_COUNT; i++) {
        size_t length = call.forwarded[i] == NULL ? 0 : strlen(call.forwarded[i]);
        total += length;
        if (length > longest_length) {
            longest = i;
            longest_length = length;
        }
    }
    if (total > ENVIRONMENT_BYTES_MAX) {
        refuse(CODE_ENVIRONMENT,
               SAY("the CNI_* variables hold more than ", decimal(ENVIRONMENT_BYTES_MAX),
                   " bytes together"),
               DETAIL(forwarded_names[longest], " alone holds ", decimal(longest_length),
                      " bytes"));
    }
    struct sockaddr_un address;
    if (strlen(call.socket_path) >= sizeof address.sun_path) {
        refuse(CODE_ENVIRONMENT,
               SAY("ORBWEAVER_SOCKET is longer than the ", decimal(sizeof address.sun_path - 1),
                   " bytes that a socket path may have: ", call.socket_path),
               "give the agent and the plugin a socket with a shorter path");
    }
}

/* ----------------------------------------------------------------------------------- request */

static bool is_true(const char *value) {
    if (value == NULL) return false;
    if (strcmp(value, "1") == 0) return true;
    static const char word[] = "TRUE";
    size_t i = 0;
    while (i < 4 && (value[i] == word[i] || value[i] == word[i] + ('a' - 'A'))) i++;
    return i == 4 && value[4] == 0;
}

/*
 * True when CNI_NETNS is the network namespace that this process runs in. The agent refuses such a
 * call before it claims anything; it cannot look by itself, because it lives in a namespace of its
 * own.
 */
static bool is_own_netns(void) {
    const char *netns = call.forwarded[NETNS];
    struct stat theirs, ours;
    if (netns == NULL || *netns == 0 || is_true(call.netns_override)) return false;
    if (stat(netns, &theirs) != 0 || stat("/proc/self/ns/net", &ours) != 0) return false;
    return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static char *put_string(char *to, const char *text, size_t length) {
    *to++ = '"';
    to = json_escape(to, text, length);
    *to++ = '"';
    return to;
}

static char *put_body(char *to) {
    size_t called_as_length = strlen(call.called_as);
    if (called_as_length > CALLED_AS_BYTES_MAX) called_as_length = CALLED_AS_BYTES_MAX;
    to = put(to, "{\"protocol\":1,\"calledAs\":");
    to = put_string(to, call.called_as, called_as_length);
    to = put(to, ",\"command\":");
    to = put_string(to, call.command, strlen(call.command));
    to = put(to, ",\"env\":{");
    const char *separator = "";
    for (int i = 0; i < FORWARDED_COUNT; i++) {
        if (call.forwarded[i] == NULL) continue;
        to = put(to, separator);
        to = put_string(to, forwarded_names[i], strlen(forwarded_names[i]));
        *to++ = ':';
        to = put_string(to, call.forwarded[i], strlen(call.forwarded[i]));
        separator = ",";
    }
    to = put(to, "},\"ownNetns\":");
    to = put(to, is_own_netns() ? "true" : "false");
    to = put(to, ",\"config\":");
    to = put_string(to, config, call.config_length);
    return put(to, "}");
}

/*
 * Head and body in one piece: the head is written backwards from the body, once its length is
 * known.
 */
static const char *compose_request(size_t *length) {
    char *body = request + REQUEST_HEAD_BYTES_MAX;
    char *end = put_body(body);
    char head[REQUEST_HEAD_BYTES_MAX];
    char *to = put(head, "POST /cni HTTP/1.1\r\nHost: orbweaver\r\n"
                         "Content-Type: application/json\r\nConnection: close\r\n"
                         "Content-Length: ");
    to = put_number(to, (uint64_t)(end - body));
    to = put(to, "\r\n\r\n");
    size_t head_length = (size_t)(to - head);
    memcpy(body - head_length, head, head_length);
    *length = (size_t)(end - body) + head_length;
    return body - head_length;
}

/* ------------------------------------------------------------------------------------- agent */

__attribute__((noreturn)) static void refuse_unreachable(int error, int64_t waited_ms) {
    refuse_for_now(SAY("the Orbweaver agent cannot be reached on ", call.socket_path, ": ",
                       error_text(error)),
                   DETAIL("tried for ", decimal((uint64_t)waited_ms),
                          " ms; start the agent (systemctl start orbweaver-agent), or set "
                          "ORBWEAVER_SOCKET to the socket that it serves; nothing was sent, so the "
                          "runtime may simply try again"));
}

/*
 * A socket above 2: where the runtime left 0, 1 or 2 closed, it must not be mistaken for stdin or
 * stdout.
 */
static int open_socket(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && fd <= 2) {
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        int error = errno;
        close(fd);
        errno = error;
        fd = moved;
    }
    if (fd < 0) {
        refuse(CODE_IO, SAY("no socket could be made: ", error_text(errno)),
               "look at the limit of open files on this host");
    }
    return fd;
}

/*
 * Connects, and waits for an agent that is starting (ENOENT, ECONNREFUSED) or that has a full
 * queue: a non-blocking connect says EAGAIN there instead of waiting without an end.
 */
static int connect_agent(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    put(address.sun_path, call.socket_path);
    int fd = open_socket();
    int64_t started_ms = now_ms();
    int64_t pause_ms = BACKOFF_FIRST_MS;
    for (;;) {
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
        int error = errno;
        int64_t waited_ms = now_ms() - started_ms;
        int64_t left_ms = CONNECT_WAIT_MS - waited_ms;
        bool passing =
            error == ENOENT || error == ECONNREFUSED || error == EAGAIN || error == EINTR;
        if (!passing || left_ms <= 0) refuse_unreachable(error, waited_ms);
        sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
        pause_ms = pause_ms * 2 < BACKOFF_LAST_MS ? pause_ms * 2 : BACKOFF_LAST_MS;
    }
}

static const char maybe_done[] = "the agent may have done the work: the runtime tries again, and a "
                                 "repeated call gets the same answer";

/*
 * Sends the request, once. Comes back early where the agent has answered or hung up before it took
 * everything: an early refusal (too large, too busy) is still to be read.
 */
static void send_request(int fd, const char *from, size_t length) {
    int64_t deadline_ms = now_ms() + SEND_WAIT_MS;
    while (length > 0) {
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            from += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            short ready = wait_for(fd, POLLIN | POLLOUT, deadline_ms);
            if (ready == 0) {
                refuse_for_now(SAY("the Orbweaver agent on ", call.socket_path,
                                   " took the request only in part within ",
                                   decimal(SEND_WAIT_MS), " ms"),
                               "the agent hangs or is overloaded: read its log");
            }
            if (ready & POLLIN) return;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return;
        } else if (errno != EINTR) {
            refuse(CODE_IO, SAY("sending to the Orbweaver agent failed: ", error_text(errno)),
                   maybe_done);
        }
    }
}

struct answer {
    int status;
    const char *body;
    size_t length;
};

__attribute__((noreturn)) static void refuse_reply(const char *what) {
    refuse(CODE_IO,
           SAY("the answer on ", call.socket_path, " is not one of an Orbweaver agent: ", what),
           "check that ORBWEAVER_SOCKET names the agent's socket and that agent and plugin are of "
           "one release");
}

static bool same_name(const char *at, size_t length, const char *lower_case) {
    if (length != strlen(lower_case)) return false;
    for (size_t i = 0; i < length; i++) {
        char byte = at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] + ('a' - 'A')) : at[i];
        if (byte != lower_case[i]) return false;
    }
    return true;
}

/* A Content-Length without sign, space or overflow. */
static size_t read_length(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    size_t length = 0;
    if (at == end) refuse_reply("its Content-Length is empty");
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') refuse_reply("its Content-Length is not a number");
        length = length * 10 + (size_t)(*at - '0');
        if (length > REPLY_BODY_BYTES_MAX) {
            char text[SENTENCE_BYTES_MAX];
            refuse_reply(join(text, "its body is longer than ", decimal(REPLY_BODY_BYTES_MAX),
                              " bytes", (const char *)NULL));
        }
    }
    return length;
}

/*
 * Status and Content-Length out of a head that ends with an empty line; `end` is behind that line.
 */
static struct answer read_head(const char *at, const char *end) {
    static const char protocol[] = "HTTP/1.";
    struct answer answer = {0, end, 0};
    bool has_length = false;
    /* "HTTP/1.1 200" and a space or the end of the line. */
    bool understood = end - at >= 16 && memcmp(at, protocol, 7) == 0 &&
                      (at[7] == '0' || at[7] == '1') && at[8] == ' ' &&
                      (at[12] == ' ' || at[12] == '\r');
    if (!understood) refuse_reply("it is not HTTP/1.1");
    for (int i = 9; i < 12; i++) {
        if (at[i] < '0' || at[i] > '9') refuse_reply("its status is not a number");
        answer.status = answer.status * 10 + (at[i] - '0');
    }
    for (const char *line = at; line < end;) {
        const char *line_end = line;
        while (line_end[0] != '\r' || line_end[1] != '\n') line_end++;
        const char *colon = line;
        while (colon < line_end && *colon != ':') colon++;
        size_t name_length = (size_t)(colon - line);
        if (colon < line_end && same_name(line, name_length, "transfer-encoding")) {
            refuse_reply("it has a Transfer-Encoding, and only Content-Length is understood");
        }
        if (colon < line_end && same_name(line, name_length, "content-length")) {
            size_t length = read_length(colon + 1, line_end);
            if (has_length && length != answer.length) refuse_reply("it has two Content-Lengths");
            answer.length = length;
            has_length = true;
        }
        line = line_end + 2;
    }
    if (!has_length) refuse_reply("it has no Content-Length");
    return answer;
}

/* Where the head ends, its empty line included, or 0. Looks again only at what is new. */
static size_t find_head_end(size_t seen, size_t received) {
    size_t first = seen < 3 ? 0 : seen - 3;
    for (size_t i = first; i + 4 <= received && i + 4 <= REPLY_HEAD_BYTES_MAX; i++) {
        if (memcmp(reply + i, "\r\n\r\n", 4) == 0) return i + 4;
    }
    return 0;
}

/* The whole reply. A part of one is never given to the runtime. */
static struct answer receive_reply(int fd) {
    int64_t deadline_ms = now_ms() + REPLY_WAIT_MS;
    struct answer answer = {0, NULL, 0};
    size_t received = 0;
    size_t head_length = 0;
    size_t wanted = sizeof reply;
    while (received < wanted) {
        if (wait_for(fd, POLLIN, deadline_ms) == 0) {
            refuse_for_now(SAY("the Orbweaver agent on ", call.socket_path,
                               " did not answer within ", decimal(REPLY_WAIT_MS), " ms"),
                           maybe_done);
        }
        ssize_t got = read(fd, reply + received, wanted - received);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            refuse_for_now(SAY("the Orbweaver agent on ", call.socket_path, " hung up ",
                               received == 0 ? "before it answered"
                                             : "in the middle of its answer"),
                           maybe_done);
        }
        if (got < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            refuse(CODE_IO, SAY("reading the agent's answer failed: ", error_text(errno)),
                   maybe_done);
        }
        size_t seen = received;
        received += (size_t)got;
        if (head_length == 0) {
            head_length = find_head_end(seen, received);
            if (head_length != 0) {
                answer = read_head(reply, reply + head_length);
                wanted = head_length + answer.length;
            } else if (received >= REPLY_HEAD_BYTES_MAX) {
                refuse_reply("its head does not end");
            }
        }
    }
    return answer;
}

/*
 * The agent's document goes to stdout as it is; what is not one JSON object never does (invariant
 * I11).
 */
__attribute__((noreturn)) static void deliver(struct answer answer) {
    bool good = answer.status == 200;
    bool refusal = answer.status >= 400;
    bool document = answer.length > 0 && json_is_one_object(answer.body, answer.length);
    char text[SENTENCE_BYTES_MAX];
    if (!good && !refusal) {
        refuse_reply(join(text, "its status is ", decimal((uint64_t)answer.status),
                          (const char *)NULL));
    }
    if (good && answer.length == 0) _exit(EXIT_ANSWERED);
    if (!document) {
        refuse_reply(join(text, "status ", decimal((uint64_t)answer.status), " with a body of ",
                          decimal(answer.length), " bytes that is not one JSON object",
                          (const char *)NULL));
    }
    finish(answer.body, answer.length, good ? EXIT_ANSWERED : EXIT_REFUSED);
}

int main(int argc, char **argv, char **environment) {
    signal(SIGPIPE, SIG_IGN);
    read_environment(argc, argv, environment);
    bool has_command = call.command != NULL && *call.command != 0;
    enum config_state state =
        read_config(has_command ? STDIN_WAIT_MS : STDIN_WAIT_WITHOUT_COMMAND_MS);
    int error = errno;
    find_version();
    if (!has_command) {
        refuse(CODE_ENVIRONMENT,
               "CNI_COMMAND is not set: this is a CNI IPAM plugin, which a container runtime "
               "starts",
               COMMANDS_SPOKEN "; people use `orbweaver --help`");
    }
    /* VERSION needs nothing of stdin but the version to echo. */
    if (strcmp(call.command, "VERSION") == 0) answer_version();
    errno = error;
    check_call(state);
    size_t length;
    const char *whole = compose_request(&length);
    int fd = connect_agent();
    send_request(fd, whole, length);
    deliver(receive_reply(fd));
}
