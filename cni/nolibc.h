/*
 * The few system calls and string functions of plugin.c without a C library, for x86-64 and
 * aarch64 Linux. Names, arguments and errno are those of POSIX, so that plugin.c is the same text
 * in every build. Only what plugin.c uses is here, and the numbers come from the kernel's stable
 * ABI, not from installed headers.
 */
#ifndef ORBWEAVER_NOLIBC_H
#define ORBWEAVER_NOLIBC_H

#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef unsigned int socklen_t;

static int errno;

enum {
    ENOENT = 2, EINTR = 4, EIO = 5, EBADF = 9, EAGAIN = 11, EACCES = 13, ENOTDIR = 20, ENOSPC = 28,
    EPIPE = 32, ECONNRESET = 104, ECONNREFUSED = 111
};

#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000
#define MSG_NOSIGNAL 0x4000
#define F_DUPFD_CLOEXEC 1030
#define CLOCK_MONOTONIC 1
#define POLLIN 1
#define POLLOUT 4
#define SIGPIPE 13
#define SIG_IGN ((void (*)(int))1)

struct sockaddr_un {
    unsigned short sun_family;
    char sun_path[108];
};

struct sockaddr;

struct pollfd {
    int fd;
    short events;
    short revents;
};

struct timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

/*
 * Both architectures begin with these two; the kernel fills 144 bytes on x86-64 and 128 on
 * aarch64.
 */
struct stat {
    uint64_t st_dev;
    uint64_t st_ino;
    char others[128];
};

#if defined(__x86_64__)

enum {
    SYSCALL_READ = 0, SYSCALL_WRITE = 1, SYSCALL_CLOSE = 3, SYSCALL_RT_SIGACTION = 13,
    SYSCALL_SOCKET = 41, SYSCALL_CONNECT = 42, SYSCALL_SENDTO = 44, SYSCALL_FCNTL = 72,
    SYSCALL_CLOCK_GETTIME = 228, SYSCALL_EXIT_GROUP = 231, SYSCALL_NEWFSTATAT = 262,
    SYSCALL_PPOLL = 271
};

static long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(".text\n.globl _start\n.type _start,@function\n_start:\n"
        "xor %ebp,%ebp\nmov %rsp,%rdi\nand $-16,%rsp\ncall start_with_stack\nhlt\n");

#elif defined(__aarch64__)

enum {
    SYSCALL_FCNTL = 25, SYSCALL_CLOSE = 57, SYSCALL_READ = 63, SYSCALL_WRITE = 64,
    SYSCALL_PPOLL = 73, SYSCALL_NEWFSTATAT = 79, SYSCALL_EXIT_GROUP = 94,
    SYSCALL_CLOCK_GETTIME = 113, SYSCALL_RT_SIGACTION = 134, SYSCALL_SOCKET = 198,
    SYSCALL_CONNECT = 203, SYSCALL_SENDTO = 206
};

static long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}

__asm__(".text\n.globl _start\n.type _start,%function\n_start:\n"
        "mov x29,xzr\nmov x30,xzr\nmov x0,sp\nand sp,x0,#-16\nbl start_with_stack\nbrk 1\n");

#else
#error "nolibc.h knows x86-64 and aarch64; build with musl or glibc on other architectures"
#endif

/* The kernel answers -errno; POSIX answers -1 and leaves the number in errno. */
static long checked(long result) {
    if (result >= 0) return result;
    errno = (int)-result;
    return -1;
}

static ssize_t read(int fd, void *into, size_t size) {
    return checked(raw_syscall(SYSCALL_READ, fd, (long)into, (long)size, 0, 0, 0));
}

static ssize_t write(int fd, const void *from, size_t size) {
    return checked(raw_syscall(SYSCALL_WRITE, fd, (long)from, (long)size, 0, 0, 0));
}

static int close(int fd) {
    return (int)checked(raw_syscall(SYSCALL_CLOSE, fd, 0, 0, 0, 0, 0));
}

static int fcntl(int fd, int command, int argument) {
    return (int)checked(raw_syscall(SYSCALL_FCNTL, fd, command, argument, 0, 0, 0));
}

static int socket(int family, int type, int protocol) {
    return (int)checked(raw_syscall(SYSCALL_SOCKET, family, type, protocol, 0, 0, 0));
}

static int connect(int fd, const struct sockaddr *address, socklen_t size) {
    return (int)checked(raw_syscall(SYSCALL_CONNECT, fd, (long)address, (long)size, 0, 0, 0));
}

static ssize_t send(int fd, const void *from, size_t size, int flags) {
    return checked(raw_syscall(SYSCALL_SENDTO, fd, (long)from, (long)size, flags, 0, 0));
}

/* aarch64 has no poll, so both go through ppoll. `wait_ms` is not negative here. */
static int poll(struct pollfd *fds, unsigned long count, int wait_ms) {
    struct timespec wait = {wait_ms / 1000, (int64_t)(wait_ms % 1000) * 1000000};
    return (int)checked(raw_syscall(SYSCALL_PPOLL, (long)fds, (long)count, (long)&wait, 0, 8, 0));
}

static int clock_gettime(int clock, struct timespec *now) {
    return (int)checked(raw_syscall(SYSCALL_CLOCK_GETTIME, clock, (long)now, 0, 0, 0, 0));
}

static int stat(const char *path, struct stat *into) {
    const long here = -100; /* AT_FDCWD */
    return (int)checked(raw_syscall(SYSCALL_NEWFSTATAT, here, (long)path, (long)into, 0, 0, 0));
}

/*
 * Only for SIG_IGN and SIG_DFL: a handler would need a restorer. Handler, flags, restorer, mask:
 * 32 bytes.
 */
static void signal(int number, void (*action)(int)) {
    uint64_t kernel_action[4] = {(uint64_t)action, 0, 0, 0};
    raw_syscall(SYSCALL_RT_SIGACTION, number, (long)kernel_action, 0, 8, 0, 0);
}

__attribute__((noreturn)) static void _exit(int status) {
    for (;;) raw_syscall(SYSCALL_EXIT_GROUP, status, 0, 0, 0, 0, 0);
}

/*
 * The compiler may call these four by itself, so they have external linkage. The empty statement
 * keeps it from seeing the loop as the very function that it implements.
 */
#define KEEP_LOOP() __asm__ volatile("" ::: "memory")

void *memcpy(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((char *)to)[i] = ((const char *)from)[i];
        KEEP_LOOP();
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to - (uintptr_t)from >= size) return memcpy(to, from, size);
    while (size-- > 0) {
        ((char *)to)[size] = ((const char *)from)[size];
        KEEP_LOOP();
    }
    return to;
}

void *memset(void *to, int byte, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((char *)to)[i] = (char)byte;
        KEEP_LOOP();
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        int difference = ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
        if (difference != 0) return difference;
    }
    return 0;
}

static size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0) {
        length++;
        KEEP_LOOP();
    }
    return length;
}

static int strcmp(const char *a, const char *b) {
    while (*a != 0 && *a == *b) a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int main(int argc, char **argv, char **envp);

/* The kernel leaves argc, the arguments, a null, the environment and a null on the stack. */
__attribute__((noreturn, used)) void start_with_stack(long *stack) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    _exit(main(argc, argv, argv + argc + 1));
}

#endif
