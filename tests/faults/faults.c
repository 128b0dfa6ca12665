/*
 * Makes calls to the file system fail, for tests of what a program does then. Loaded with LD_PRELOAD.
 *
 * FAULTS_BELOW   The folder whose files are affected.
 * FAULTS_EXCEPT  A name in that folder that is left alone with all below it; several are separated by `:`.
 * FAULTS_CALLS   The calls that fail, such as `rename` or `write,mkdir`. `open` makes no difference
 *                between reading, writing and creating; `create` is an `open` that may create a file.
 * FAULTS_SKIP    How many of these calls succeed first.
 * FAULTS_ERRNO   The error that they return.
 * FAULTS_FOREVER If set, all calls from then on fail, and not only one.
 * FAULTS_KILL    If set, the call does not fail: the process is killed before it.
 * FAULTS_STOP    If set, the call does not fail: the process is stopped before it, once.
 * FAULTS_LOG     A file that gets a line for each such call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls_seen;

static int is_listed(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; at != NULL && (at = strstr(at, word)) != NULL; at += length) {
        int begins = at == list || at[-1] == ',';
        int ends = at[length] == '\0' || at[length] == ',';
        if (begins && ends) return 1;
    }
    return 0;
}

static int is_below(const char *path, const char *folder, size_t length) {
    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static int is_affected(const char *path) {
    const char *root = getenv("FAULTS_BELOW");
    if (root == NULL || path == NULL) return 0;
    size_t length = strlen(root);
    if (!is_below(path, root, length)) return 0;
    const char *rest = path[length] == '/' ? path + length + 1 : "";
    const char *except = getenv("FAULTS_EXCEPT");
    while (except != NULL && *except != '\0') {
        size_t name = strcspn(except, ":");
        if (is_below(rest, except, name)) return 0;
        except += name + (except[name] == ':');
    }
    return 1;
}

static void log_call(const char *call, const char *path) {
    const char *log = getenv("FAULTS_LOG");
    if (log == NULL) return;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file < 0) return;
    syscall(SYS_write, file, line, (size_t)length);
    syscall(SYS_close, file);
}

/* Whether this call is to fail; `errno` is set then. */
static int fails(const char *call, const char *path) {
    if (!is_affected(path) || !is_listed(getenv("FAULTS_CALLS"), call)) return 0;
    log_call(call, path);
    const char *skip = getenv("FAULTS_SKIP");
    if (skip == NULL) return 0;
    long number = atomic_fetch_add(&calls_seen, 1), first = atol(skip);
    if (number < first || (number > first && getenv("FAULTS_FOREVER") == NULL)) return 0;
    if (getenv("FAULTS_KILL") != NULL) kill(getpid(), SIGKILL);
    if (getenv("FAULTS_STOP") != NULL) return kill(getpid(), SIGSTOP);
    const char *error = getenv("FAULTS_ERRNO");
    errno = error == NULL ? EIO : atoi(error);
    return 1;
}

static int fails_of_file(const char *call, int file) {
    int saved = errno;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return 0;
    path[length] = '\0';
    return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int fails_to_open(const char *path, int flags) {
    return ((flags & O_CREAT) && fails("create", path)) || fails("open", path);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        if (fails_to_open(path, flags)) return -1;                                                 \
        return REAL(name)(path, flags, mode);                                                      \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *bytes, size_t count) {
    if (fails_of_file("write", file)) return -1;
    return REAL(write)(file, bytes, count);
}

#define PWRITE(name)                                                                               \
    ssize_t name(int file, const void *bytes, size_t count, off_t offset) {                        \
        if (fails_of_file("write", file)) return -1;                                               \
        return REAL(name)(file, bytes, count, offset);                                             \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (fails_of_file("write", file)) return -1;
    return REAL(writev)(file, parts, count);
}

int fsync(int file) {
    if (fails_of_file("fsync", file)) return -1;
    return REAL(fsync)(file);
}

int fdatasync(int file) {
    if (fails_of_file("fsync", file)) return -1;
    return REAL(fdatasync)(file);
}

/* The file is closed even if this fails, as on Linux. */
int close(int file) {
    int failed = fails_of_file("close", file), error = errno;
    int closed = REAL(close)(file);
    if (!failed) return closed;
    errno = error;
    return -1;
}

int rename(const char *from, const char *to) {
    if (fails("rename", from)) return -1;
    return REAL(rename)(from, to);
}

int unlink(const char *path) {
    if (fails("unlink", path)) return -1;
    return REAL(unlink)(path);
}

int rmdir(const char *path) {
    if (fails("rmdir", path)) return -1;
    return REAL(rmdir)(path);
}

int mkdir(const char *path, mode_t mode) {
    if (fails("mkdir", path)) return -1;
    return REAL(mkdir)(path, mode);
}

int chmod(const char *path, mode_t mode) {
    if (fails("chmod", path)) return -1;
    return REAL(chmod)(path, mode);
}

int link(const char *from, const char *to) {
    if (fails("link", to)) return -1;
    return REAL(link)(from, to);
}
