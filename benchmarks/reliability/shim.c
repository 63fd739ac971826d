// Counts the calls that change files below a folder; at the one that is asked for it kills the process, tears a write or fails.
// Built by trials.py and loaded with LD_PRELOAD; Python arms it through ctypes. It can also write down every change, with its data.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KILL = -1, TEAR = -2 };  // instead of the call; after half of a write, or instead of another call
#define DESCRIPTORS 4096

static char folder[PATH_MAX];
static long count, first, last;
static int action, book = -1;
static char *name_of[DESCRIPTORS];  // the paths of descriptors below the folder

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

// From the `from`th to the `to`th change below `where` do `what`: KILL, TEAR, or fail with an errno.
void fault_arm(const char *where, long from, long to, int what, int write_down_to) {
  strcpy(folder, where);
  count = 0, first = from, last = to, action = what, book = write_down_to;
}

long fault_count(void) { return count; }

static int below(const char *path) {
  size_t length = strlen(folder);
  return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

// The whole path of what a call names, where that is below the folder, else NULL.
static const char *found(int at, const char *path, char *whole) {
  if (path[0] == '/') strcpy(whole, path);
  else if (at >= 0 && at < DESCRIPTORS && name_of[at]) strcat(strcat(strcpy(whole, name_of[at]), "/"), path);
  else return NULL;
  return below(whole) ? whole : NULL;
}

static void note(char kind, const char *path, const void *more, uint32_t size) {
  if (book < 0) return;
  REAL(write);
  uint32_t lengths[2] = {strlen(path), size};
  real(book, &kind, 1), real(book, lengths, 8), real(book, path, lengths[0]), real(book, more, size);
}

void fault_mark(const char *text) { note('!', text, "", 0); }

// 0: go on. Else the errno to fail with, or TEAR.
static int turn(void) {
  long now = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
  if (now < first || now > last) return 0;
  if (action == KILL) kill(getpid(), SIGKILL);
  return action;
}

#define REFUSE do { int wrong = turn(); if (wrong == TEAR) kill(getpid(), SIGKILL); if (wrong) { errno = wrong; return -1; } } while (0)

static int opened(int (*real)(int, const char *, int, ...), int at, const char *path, int flags, mode_t mode) {
  char whole[PATH_MAX];
  const char *ours = found(at, path, whole);
  int writes = flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
  if (ours && writes) REFUSE;
  int fd = real(at, path, flags, mode);
  if (fd >= 0 && fd < DESCRIPTORS) {
    free(name_of[fd]);
    name_of[fd] = ours ? strdup(ours) : NULL;
    if (ours && writes) note(flags & O_TRUNC ? 'T' : 'O', ours, "", 0);
  }
  return fd;
}

#define OPEN(name, at, parameters)                                          \
  int name parameters {                                                     \
    static int (*real)(int, const char *, int, ...);                        \
    if (!real) real = dlsym(RTLD_NEXT, "openat64");                         \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                           \
    return opened(real, at, path, flags, mode);                             \
  }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...))
OPEN(openat, at, (int at, const char *path, int flags, ...))
OPEN(openat64, at, (int at, const char *path, int flags, ...))

int close(int fd) {
  REAL(close);
  if (fd >= 0 && fd < DESCRIPTORS) free(name_of[fd]), name_of[fd] = NULL;
  return real(fd);
}

static const char *named(int fd) { return fd >= 0 && fd < DESCRIPTORS ? name_of[fd] : NULL; }

ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  const char *ours = named(fd);
  if (!ours) return real(fd, data, size);
  int wrong = turn();
  if (wrong == TEAR) real(fd, data, size / 2), kill(getpid(), SIGKILL);
  if (wrong) return errno = wrong, -1;
  ssize_t done = real(fd, data, size);
  if (done > 0) note('W', ours, data, done);
  return done;
}

#define ON_DESCRIPTOR(kind, name, parameters, arguments, more, size) \
  int name parameters {                                              \
    REAL(name);                                                      \
    const char *ours = named(fd);                                    \
    if (ours) REFUSE;                                                \
    int done = real arguments;                                       \
    if (ours && !done) note(kind, ours, more, size);                 \
    return done;                                                     \
  }
ON_DESCRIPTOR('S', fsync, (int fd), (fd), "", 0)
ON_DESCRIPTOR('S', fdatasync, (int fd), (fd), "", 0)
ON_DESCRIPTOR('C', ftruncate, (int fd, off_t length), (fd, length), &length, sizeof length)
ON_DESCRIPTOR('C', ftruncate64, (int fd, off64_t length), (fd, length), &length, sizeof length)

#define ON_PATH(kind, name, at, parameters, arguments)   \
  int name parameters {                                  \
    REAL(name);                                          \
    char whole[PATH_MAX];                                \
    const char *ours = found(at, path, whole);           \
    if (ours) REFUSE;                                    \
    int done = real arguments;                           \
    if (ours && !done) note(kind, ours, "", 0);          \
    return done;                                         \
  }
ON_PATH('U', unlink, AT_FDCWD, (const char *path), (path))
ON_PATH('U', rmdir, AT_FDCWD, (const char *path), (path))
ON_PATH('U', unlinkat, at, (int at, const char *path, int flags), (at, path, flags))
ON_PATH('D', mkdir, AT_FDCWD, (const char *path, mode_t mode), (path, mode))
ON_PATH('D', mkdirat, at, (int at, const char *path, mode_t mode), (at, path, mode))

int rename(const char *path, const char *to) {
  REAL(rename);
  char whole[PATH_MAX], whole_to[PATH_MAX];
  const char *ours = found(AT_FDCWD, path, whole), *theirs = found(AT_FDCWD, to, whole_to);
  if (ours || theirs) REFUSE;
  int done = real(path, to);
  if (ours && theirs && !done) note('R', ours, theirs, strlen(theirs));
  return done;
}
