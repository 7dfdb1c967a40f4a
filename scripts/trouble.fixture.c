/* Put before libc with LD_PRELOAD: makes calls fail as odd file systems do.
 * TROUBLE="symlink=1 fsync=22 flock=38 write=28" gives the calls and their errno. TROUBLE_PATH limits
 * fsync, write, open and rename to paths that hold this text; with TROUBLE_WHEN they fail only while a
 * file of that name is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(const char *call, const char *path) {
  const char *all = getenv("TROUBLE"), *part = getenv("TROUBLE_PATH"), *when = getenv("TROUBLE_WHEN");
  char word[64];
  snprintf(word, sizeof word, " %s=", call);
  char line[512];
  snprintf(line, sizeof line, " %s", all ? all : "");
  const char *at = strstr(line, word);
  if (at == NULL) return 0;
  if (part != NULL && (path == NULL || strstr(path, part) == NULL)) return 0;
  if (when != NULL && access(when, F_OK) != 0) return 0;
  errno = atoi(at + strlen(word));
  return 1;
}

static int fails_at(const char *call, int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

#define NEXT(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

int symlink(const char *to, const char *path) {
  return fails("symlink", path) ? -1 : NEXT(symlink, to, path);
}
int rename(const char *from, const char *to) {
  if (access(to, F_OK) == 0 && fails("rename", to)) return -1;
  return NEXT(rename, from, to);
}
int flock(int file, int operation) {
  return fails_at("flock", file) ? -1 : NEXT(flock, file, operation);
}
int fsync(int file) { return fails_at("fsync", file) ? -1 : NEXT(fsync, file); }
ssize_t write(int file, const void *bytes, size_t count) {
  return fails_at("write", file) ? -1 : NEXT(write, file, bytes, count);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  return fails_at("write", file) ? -1 : NEXT(pwrite64, file, bytes, count, at);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  return fails_at("write", file) ? -1 : NEXT(pwrite, file, bytes, count, at);
}
