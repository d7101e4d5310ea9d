/* Faults from outside: loaded before the C library, it stands between the program and the files below one folder.
 *
 *   FAULTS_BELOW   the folder, absolute; whatever lies elsewhere is left alone
 *   FAULTS_LOG     a file to which each call is appended: number, operation, path below the folder, second path
 *   FAULTS_COUNT   "changes": only calls that change what is on the disk have numbers; otherwise all have
 *   FAULTS_AT      the number of the call to which something happens, of all threads together
 *   FAULTS_DO      what happens: kill (before the call), died (after it), error=K, the K-th that the operation can have, or
 *                  wait, until there is a file FAULTS_GO
 *   FAULTS_ON      with FAULTS_DO=error: it happens to every later call too, as on a disk that is full or gone
 *   FAULTS_EVERY   "short": every read and write does half; "interrupt": every second call that can be is interrupted first
 *   FAULTS_SYNC    "skip": nothing waits for the disk, which only costs time where no power goes out
 *
 * A call is logged before it is made, but a sync once it is done: what stands before it in the log is on the disk. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define MOST_FILES 65536
#define LONGEST 4096

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) _exit(127);
    return found;
}

static const char *below, *how, *every;
static size_t below_length;
static int log_file = -1, changes_only, skips_syncs, goes_on;
static long at = -1;
static atomic_long calls, interruptible;
/* What each descriptor is of, as a path below the folder. */
static _Atomic(char *) opened[MOST_FILES];

__attribute__((constructor)) static void begin(void) {
    const char *text;
    below = getenv("FAULTS_BELOW");
    if (!below) return;
    below_length = strlen(below);
    if ((text = getenv("FAULTS_LOG")))
        log_file = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if ((text = getenv("FAULTS_COUNT"))) changes_only = !strcmp(text, "changes");
    if ((text = getenv("FAULTS_AT"))) at = atol(text);
    if ((text = getenv("FAULTS_SYNC"))) skips_syncs = !strcmp(text, "skip");
    goes_on = getenv("FAULTS_ON") != NULL;
    how = getenv("FAULTS_DO");
    every = getenv("FAULTS_EVERY");
}

/* The path below the folder; nothing where it is not. The folder itself is ".". */
static const char *inside(const char *path) {
    if (!below || !path || strncmp(path, below, below_length)) return NULL;
    if (path[below_length] == '/') return path + below_length + 1;
    return path[below_length] ? NULL : ".";
}

static const char *of_descriptor(int file) {
    return below && file >= 0 && file < MOST_FILES ? atomic_load(&opened[file]) : NULL;
}

/* The same for a path that begins at an open folder. */
static const char *inside_at(int folder, const char *path, char *room) {
    if (!path || path[0] == '/' || folder == AT_FDCWD) return inside(path);
    const char *above = of_descriptor(folder);
    if (!above) return NULL;
    if (!path[0]) return above;
    snprintf(room, LONGEST, "%s/%s", above, path);
    return room;
}

static void opened_as(int file, const char *path) {
    if (!path || file < 0 || file >= MOST_FILES) return;
    free(atomic_exchange(&opened[file], strdup(path)));
}

static void closed(int file) {
    if (file >= 0 && file < MOST_FILES && atomic_load(&opened[file])) free(atomic_exchange(&opened[file], NULL));
}

static void note(long number, const char *operation, const char *path, const char *second, const char *what) {
    if (log_file < 0) return;
    char line[3 * LONGEST];
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\t%s\n", number, operation, path, second ? second : "", what);
    syscall(SYS_write, log_file, line, length);
}

struct errors {
    const char *operation;
    int changes, interrupts, count, number[6];
};

/* What each operation can fail with; whether it changes the disk; whether a signal may interrupt it. */
static const struct errors ERRORS[] = {
    {"open", 0, 1, 3, {EIO, EACCES, EMFILE}},
    {"create", 1, 1, 6, {ENOSPC, EIO, EACCES, EDQUOT, EROFS, EMFILE}},
    {"read", 0, 1, 1, {EIO}},
    {"write", 1, 1, 3, {ENOSPC, EIO, EDQUOT}},
    {"sync", 1, 1, 3, {EIO, ENOSPC, EDQUOT}},
    {"rename", 1, 0, 5, {EIO, ENOSPC, EACCES, EROFS, EDQUOT}},
    {"link", 1, 0, 5, {ENOSPC, EIO, EACCES, EROFS, EDQUOT}},
    {"mkdir", 1, 0, 5, {EACCES, ENOSPC, EIO, EROFS, EDQUOT}},
    {"remove", 1, 0, 3, {EIO, EACCES, EROFS}},
    {"truncate", 1, 1, 2, {EIO, EROFS}},
    {"chmod", 1, 0, 3, {EIO, EROFS, EACCES}},
    {"lock", 0, 1, 2, {EIO, ENOLCK}},
    {"try lock", 0, 0, 2, {EIO, ENOLCK}},
    {"stat", 0, 0, 2, {EIO, EACCES}},
    {"list", 0, 0, 2, {EIO, EACCES}},
    {"resolve", 0, 0, 2, {EIO, EACCES}},
};

static const struct errors *errors_of(const char *operation) {
    for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++)
        if (!strcmp(ERRORS[i].operation, operation)) return &ERRORS[i];
    _exit(126);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

enum { GOES_ON, FAILS, DIES_AFTER };

static long numbered(const char *operation, const char *path) {
    return path && (!changes_only || errors_of(operation)->changes) ? atomic_fetch_add(&calls, 1) + 1 : 0;
}

/* Decides what becomes of a call; an error is in errno. */
static int decide(long number, const char *operation, const char *path, const char *second) {
    if (!path) return GOES_ON;
    const struct errors *errors = errors_of(operation);
    if (every && !strcmp(every, "interrupt") && errors->interrupts && atomic_fetch_add(&interruptible, 1) % 2 == 0) {
        errno = EINTR;
        return FAILS;
    }
    int is_hit = number && how && (number == at || (goes_on && at > 0 && number > at));
    if (is_hit && !strcmp(how, "kill")) {
        note(number, operation, path, second, "killed");
        die();
    }
    if (is_hit && !strncmp(how, "error=", 6)) {
        errno = errors->number[atol(how + 6) % errors->count];
        int failure = errno;
        note(number, operation, path, second, strerrorname_np(failure));
        errno = failure;
        return FAILS;
    }
    if (is_hit && !strcmp(how, "wait")) {
        note(number, operation, path, second, "waits");
        const char *go = getenv("FAULTS_GO");
        /* Not for ever: whoever was to make that file may have failed, and this would hold its pipes open. */
        for (int left = 120000; syscall(SYS_access, go, F_OK); usleep(1000))
            if (!left--) syscall(SYS_exit_group, 99);
    }
    if (is_hit && !strcmp(how, "died")) {
        note(number, operation, path, second, "died after");
        return DIES_AFTER;
    }
    return GOES_ON;
}

/* Makes a call as it is decided; it is logged before, a sync after. */
#define CALL(type, failed, operation, path, second, call)                                                              \
    do {                                                                                                               \
        const char *path_ = (path), *second_ = (second);                                                               \
        long number_ = numbered(operation, path_);                                                                     \
        int decided_ = decide(number_, operation, path_, second_);                                                     \
        if (decided_ == FAILS) return failed;                                                                          \
        int is_sync_ = !strcmp(operation, "sync");                                                                     \
        if (path_ && decided_ == GOES_ON && !is_sync_) note(number_, operation, path_, second_, "");                   \
        type result_ = (call);                                                                                         \
        int errno_ = errno;                                                                                            \
        if (path_ && decided_ == GOES_ON && is_sync_) note(number_, operation, path_, second_, "");                    \
        if (decided_ == DIES_AFTER) die();                                                                             \
        errno = errno_;                                                                                                \
        return result_;                                                                                                \
    } while (0)

static size_t half(const char *path, size_t size) {
    return path && every && !strcmp(every, "short") && size > 1 ? size / 2 : size;
}

static int remembered(int file, const char *path) {
    opened_as(file, path);
    return file;
}

static const char *opening(int flags) {
    return flags & O_CREAT ? "create" : "open";
}

#define OPENS(name, flags_type)                                                                                        \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        const char *place = inside(path);                                                                              \
        CALL(int, -1, opening(flags), place, NULL, remembered(REAL(name)(path, flags, mode), place));                  \
    }
#define OPENS_AT(name)                                                                                                 \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        char room[LONGEST];                                                                                            \
        const char *place = inside_at(folder, path, room);                                                             \
        CALL(int, -1, opening(flags), place, NULL, remembered(REAL(name)(folder, path, flags, mode), place));          \
    }
OPENS(open, int)
OPENS(open64, int)
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int file) {
    closed(file);
    return REAL(close)(file);
}

ssize_t read(int file, void *buffer, size_t size) {
    const char *path = of_descriptor(file);
    CALL(ssize_t, -1, "read", path, NULL, REAL(read)(file, buffer, half(path, size)));
}

ssize_t pread64(int file, void *buffer, size_t size, off64_t from) {
    const char *path = of_descriptor(file);
    CALL(ssize_t, -1, "read", path, NULL, REAL(pread64)(file, buffer, half(path, size), from));
}

ssize_t readv(int file, const struct iovec *buffers, int count) {
    const char *path = of_descriptor(file);
    CALL(ssize_t, -1, "read", path, NULL, REAL(readv)(file, buffers, half(path, count)));
}

ssize_t write(int file, const void *buffer, size_t size) {
    const char *path = of_descriptor(file);
    CALL(ssize_t, -1, "write", path, NULL, REAL(write)(file, buffer, half(path, size)));
}

ssize_t pwrite64(int file, const void *buffer, size_t size, off64_t to) {
    const char *path = of_descriptor(file);
    CALL(ssize_t, -1, "write", path, NULL, REAL(pwrite64)(file, buffer, half(path, size), to));
}

ssize_t writev(int file, const struct iovec *buffers, int count) {
    const char *path = of_descriptor(file);
    CALL(ssize_t, -1, "write", path, NULL, REAL(writev)(file, buffers, half(path, count)));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags) {
    const char *path = of_descriptor(to);
    CALL(ssize_t, -1, "write", path, NULL, REAL(copy_file_range)(from, from_at, to, to_at, half(path, size), flags));
}

ssize_t sendfile64(int to, int from, off64_t *at_byte, size_t size) {
    const char *path = of_descriptor(to);
    ssize_t (*sends)(int, int, off64_t *, size_t) = real("sendfile64");
    CALL(ssize_t, -1, "write", path, NULL, sends(to, from, at_byte, half(path, size)));
}

int fsync(int file) {
    const char *path = of_descriptor(file);
    CALL(int, -1, "sync", path, NULL, path && skips_syncs ? 0 : REAL(fsync)(file));
}

int fdatasync(int file) {
    const char *path = of_descriptor(file);
    CALL(int, -1, "sync", path, NULL, path && skips_syncs ? 0 : REAL(fdatasync)(file));
}

int ftruncate64(int file, off64_t size) {
    CALL(int, -1, "truncate", of_descriptor(file), NULL, REAL(ftruncate64)(file, size));
}

int fchmod(int file, mode_t mode) {
    CALL(int, -1, "chmod", of_descriptor(file), NULL, REAL(fchmod)(file, mode));
}

int flock(int file, int operation) {
    CALL(int, -1, operation & LOCK_NB ? "try lock" : "lock", of_descriptor(file), NULL, REAL(flock)(file, operation));
}

int rename(const char *from, const char *to) {
    CALL(int, -1, "rename", inside(from), inside(to), REAL(rename)(from, to));
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char room[LONGEST], second[LONGEST];
    CALL(int, -1, "link", inside_at(from_folder, from, room), inside_at(to_folder, to, second),
         REAL(linkat)(from_folder, from, to_folder, to, flags));
}

int mkdir(const char *path, mode_t mode) {
    CALL(int, -1, "mkdir", inside(path), NULL, REAL(mkdir)(path, mode));
}

int unlink(const char *path) {
    CALL(int, -1, "remove", inside(path), NULL, REAL(unlink)(path));
}

int rmdir(const char *path) {
    CALL(int, -1, "remove", inside(path), NULL, REAL(rmdir)(path));
}

int unlinkat(int folder, const char *path, int flags) {
    char room[LONGEST];
    CALL(int, -1, "remove", inside_at(folder, path, room), NULL, REAL(unlinkat)(folder, path, flags));
}

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict about) {
    char room[LONGEST];
    CALL(int, -1, "stat", inside_at(folder, path, room), NULL, REAL(statx)(folder, path, flags, mask, about));
}

int fstatat64(int folder, const char *restrict path, struct stat64 *restrict about, int flags) {
    char room[LONGEST];
    CALL(int, -1, "stat", inside_at(folder, path, room), NULL, REAL(fstatat64)(folder, path, about, flags));
}

int stat64(const char *restrict path, struct stat64 *restrict about) {
    CALL(int, -1, "stat", inside(path), NULL, REAL(stat64)(path, about));
}

int lstat64(const char *restrict path, struct stat64 *restrict about) {
    CALL(int, -1, "stat", inside(path), NULL, REAL(lstat64)(path, about));
}

int fstat64(int file, struct stat64 *about) {
    CALL(int, -1, "stat", of_descriptor(file), NULL, REAL(fstat64)(file, about));
}

static DIR *remembered_folder(DIR *folder, const char *path) {
    if (folder) opened_as(dirfd(folder), path);
    return folder;
}

DIR *opendir(const char *path) {
    const char *place = inside(path);
    CALL(DIR *, NULL, "list", place, NULL, remembered_folder(REAL(opendir)(path), place));
}

struct dirent64 *readdir64(DIR *folder) {
    CALL(struct dirent64 *, NULL, "list", of_descriptor(dirfd(folder)), NULL, REAL(readdir64)(folder));
}

int closedir(DIR *folder) {
    closed(dirfd(folder));
    return REAL(closedir)(folder);
}

char *realpath(const char *restrict path, char *restrict resolved) {
    CALL(char *, NULL, "resolve", inside(path), NULL, REAL(realpath)(path, resolved));
}
