/*
 * Starts one program many times, some at once, and prints how long each start took as JSON.
 * Benchmarks use it for the plugin and for its peers alike: the same process start, the same
 * clock, the same environment.
 *
 * spawner --program PATH --count N [--parallel C] [--first I] [--stdin FILE] [--stdout FILE]
 * [--env NAME=VALUE]... [--then NAME=VALUE]
 *
 * "{i}" in a value becomes the number of the start (from --first on), so that each start has a
 * container id, a pod name and an interface of its own. The children get only the variables given
 * here. --stdout appends what they print; without it the output is dropped. A start is measured
 * from before its vfork until its exit is collected. With --then each start is followed at once by
 * a second one, whose environment has that variable instead of its namesake, and the time covers
 * both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { VARIABLES_MAX = 64, VALUE_BYTES_MAX = 64 * 1024, PARALLEL_MAX = 1024, EXIT_CODES = 256 };

static struct {
    const char *program;
    const char *stdin_file;
    const char *stdout_file;
    long count;
    long parallel;
    long first;
    const char *variables[VARIABLES_MAX];
    int variable_count;
    const char *then;
} plan = {.stdin_file = "/dev/null", .stdout_file = "/dev/null", .parallel = 1};

struct running {
    pid_t pid;
    uint64_t started_ns;
    long number;
    bool second;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void stop(const char *what, const char *why) {
    fprintf(stderr, "spawner: %s: %s\n", what, why);
    exit(2);
}

static long number(const char *name, const char *text, long least) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || value < least) stop(name, "not a usable number");
    return value;
}

static void read_arguments(int argc, char **argv) {
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value == NULL) stop(name, "needs a value");
        if (strcmp(name, "--program") == 0) plan.program = value;
        else if (strcmp(name, "--stdin") == 0) plan.stdin_file = value;
        else if (strcmp(name, "--stdout") == 0) plan.stdout_file = value;
        else if (strcmp(name, "--count") == 0) plan.count = number(name, value, 1);
        else if (strcmp(name, "--parallel") == 0) plan.parallel = number(name, value, 1);
        else if (strcmp(name, "--first") == 0) plan.first = number(name, value, 0);
        else if (strcmp(name, "--env") == 0) {
            if (plan.variable_count == VARIABLES_MAX) stop(name, "too many variables");
            if (strchr(value, '=') == NULL) stop(value, "is not NAME=VALUE");
            plan.variables[plan.variable_count++] = value;
        } else if (strcmp(name, "--then") == 0) {
            if (strchr(value, '=') == NULL) stop(value, "is not NAME=VALUE");
            plan.then = value;
        } else stop(name, "is not an option");
    }
    if (plan.program == NULL || plan.count == 0) stop("--program and --count", "are needed");
    if (plan.parallel > PARALLEL_MAX) stop("--parallel", "is above 1024");
}

/* A copy of `text` with every "{i}" replaced. The caller frees it. */
static char *filled(const char *text, long i) {
    char digits[24];
    int digit_count = snprintf(digits, sizeof digits, "%ld", i);
    char *result = malloc(VALUE_BYTES_MAX);
    size_t length = 0;
    if (result == NULL) stop("memory", "is used up");
    while (*text != 0) {
        bool mark = strncmp(text, "{i}", 3) == 0;
        size_t more = mark ? (size_t)digit_count : 1;
        if (length + more >= VALUE_BYTES_MAX) stop("--env", "a value is too long");
        memcpy(result + length, mark ? digits : text, more);
        length += more;
        text += mark ? 3 : 1;
    }
    result[length] = 0;
    return result;
}

/* Whether `variable` (NAME=VALUE) has the name of plan.then. */
static bool is_replaced(const char *variable) {
    size_t name_length = (size_t)(strchr(plan.then, '=') + 1 - plan.then);
    return strncmp(variable, plan.then, name_length) == 0;
}

/* Starts number `i`; `second` as --then says. The clock of the first start goes on in the second. */
static struct running start(long i, bool second, uint64_t started_ns,
                            const posix_spawn_file_actions_t *actions) {
    char *environment[VARIABLES_MAX + 1];
    for (int v = 0; v < plan.variable_count; v++) {
        const char *variable = plan.variables[v];
        environment[v] = filled(second && is_replaced(variable) ? plan.then : variable, i);
    }
    environment[plan.variable_count] = NULL;
    char *const arguments[] = {(char *)plan.program, NULL};
    struct running child = {0, second ? started_ns : now_ns(), i, second};
    int error = posix_spawn(&child.pid, plan.program, actions, NULL, arguments, environment);
    if (error != 0) stop(plan.program, strerror(error));
    for (int v = 0; v < plan.variable_count; v++) free(environment[v]);
    return child;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The nearest-rank percentile in milliseconds of sorted times. */
static double percentile_ms(const uint64_t *sorted, long count, int percent) {
    long rank = (count * percent + 99) / 100;
    return (double)sorted[rank < 1 ? 0 : rank - 1] / 1e6;
}

static void report(uint64_t *walls, const long *exits, uint64_t total_ns) {
    qsort(walls, (size_t)plan.count, sizeof *walls, compare);
    printf("{\"count\":%ld,\"parallel\":%ld,\"totalMs\":%.3f,\"minMs\":%.3f,\"p50Ms\":%.3f,"
           "\"p90Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f,\"exits\":{",
           plan.count, plan.parallel, (double)total_ns / 1e6, (double)walls[0] / 1e6,
           percentile_ms(walls, plan.count, 50), percentile_ms(walls, plan.count, 90),
           percentile_ms(walls, plan.count, 99), (double)walls[plan.count - 1] / 1e6);
    const char *separator = "";
    for (int code = 0; code < EXIT_CODES; code++) {
        if (exits[code] == 0) continue;
        printf("%s\"%d\":%ld", separator, code, exits[code]);
        separator = ",";
    }
    printf("}}\n");
}

int main(int argc, char **argv) {
    static struct running children[PARALLEL_MAX];
    static long exits[EXIT_CODES];
    read_arguments(argc, argv);
    uint64_t *walls = calloc((size_t)plan.count, sizeof *walls);
    posix_spawn_file_actions_t actions;
    if (walls == NULL) stop("memory", "is used up");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, plan.stdin_file, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, plan.stdout_file,
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    uint64_t started_ns = now_ns();
    long started = 0;
    for (long ended = 0; ended < plan.count;) {
        if (started < plan.count && started - ended < plan.parallel) {
            int slot = 0;
            while (children[slot].pid != 0) slot++;
            children[slot] = start(plan.first + started, false, 0, &actions);
            started++;
            continue;
        }
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        uint64_t ended_ns = now_ns();
        int slot = 0;
        if (pid < 0) stop("waitpid", strerror(errno));
        while (children[slot].pid != pid) slot++;
        exits[WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)]++;
        struct running *child = &children[slot];
        if (plan.then != NULL && !child->second) {
            *child = start(child->number, true, child->started_ns, &actions);
            continue;
        }
        walls[ended++] = ended_ns - child->started_ns;
        child->pid = 0;
    }
    report(walls, exits, now_ns() - started_ns);
    return 0;
}
