/* What a disk does not have, preloaded: DISK_WITHOUT names links, modes, locks, folder-sync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int lacks(const char *what, int code) {
  const char *said = getenv("DISK_WITHOUT");
  if (!said || !strstr(said, what)) return 0;
  errno = code;
  return 1;
}

int link(const char *from, const char *to) {
  int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "link");
  return lacks("links", EPERM) ? -1 : real(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
  int (*real)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
  return lacks("links", EPERM) ? -1 : real(a, from, b, to, flags);
}

int chmod(const char *path, mode_t mode) {
  int (*real)(const char *, mode_t) = dlsym(RTLD_NEXT, "chmod");
  return lacks("modes", EPERM) ? -1 : real(path, mode);
}

int fchmod(int fd, mode_t mode) {
  int (*real)(int, mode_t) = dlsym(RTLD_NEXT, "fchmod");
  return lacks("modes", EPERM) ? -1 : real(fd, mode);
}

int fchmodat(int fd, const char *path, mode_t mode, int flags) {
  int (*real)(int, const char *, mode_t, int) = dlsym(RTLD_NEXT, "fchmodat");
  return lacks("modes", EPERM) ? -1 : real(fd, path, mode, flags);
}

int flock(int fd, int operation) {
  int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
  return lacks("locks", ENOLCK) ? -1 : real(fd, operation);
}

int fsync(int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  struct stat found;
  if (fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) && lacks("folder-sync", EINVAL)) return -1;
  return real(fd);
}
