// A disk that fails when told to, for any program that is started with this in LD_PRELOAD: no right is needed to fill
// a file system or to make one read-only, and root is not above it.
//
// WEIR_FAILING_DISK names the directory on that disk, WEIR_FAILING_DISK_SWITCH a file elsewhere. While the file exists
// it says how writing fails: ENOSPC, EDQUOT, EROFS or EIO.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

// 0: the disk is well.
int failure() {
  const char* name = std::getenv("WEIR_FAILING_DISK_SWITCH");
  const long file = name == nullptr ? -1 : ::syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) {
    return 0;
  }
  char text[8] = {};
  const long size = ::syscall(SYS_read, file, text, sizeof text);
  ::syscall(SYS_close, file);
  const std::string_view word(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return word == "ENOSPC" ? ENOSPC : word == "EDQUOT" ? EDQUOT : word == "EROFS" ? EROFS : word == "EIO" ? EIO : 0;
}

bool is_full(int how) { return how == ENOSPC || how == EDQUOT; }

bool is_on_disk(const char* path) {
  const char* disk = std::getenv("WEIR_FAILING_DISK");
  char absolute[PATH_MAX * 2];
  if (path[0] != '/' && ::syscall(SYS_getcwd, absolute, PATH_MAX) > 0) {
    std::strcat(absolute, "/");
    std::strncat(absolute, path, PATH_MAX - 2);
    path = absolute;
  }
  return disk != nullptr && std::string_view(path).starts_with(disk);
}

bool is_on_disk(int descriptor) {
  char link[64];
  char path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const auto size = ::readlink(link, path, sizeof path - 1);
  path[size > 0 ? size : 0] = '\0';
  return size > 0 && path[0] == '/' && is_on_disk(path);
}

// What the call on this file or path fails with; 0: nothing.
template <class Place>
int failure_on(Place place) {
  const int saved = errno;
  const int how = is_on_disk(place) ? failure() : 0;
  errno = saved;
  return how;
}

int fail(int how) {
  errno = how;
  return -1;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int open_file(int at, const char* path, int flags, mode_t mode) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
  if (const int how = writes ? failure_on(path) : 0; how == EROFS) {
    return fail(how);
  }
  return static_cast<int>(::syscall(SYS_openat, at, path, flags, mode));
}

}  // namespace

#define WEIR_MODE_OF(flags)            \
  mode_t mode = 0;                     \
  if (((flags)&O_CREAT) != 0) {        \
    std::va_list rest;                 \
    va_start(rest, flags);             \
    mode = va_arg(rest, unsigned int); \
    va_end(rest);                      \
  }

extern "C" {

int open(const char* path, int flags, ...) {
  WEIR_MODE_OF(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  WEIR_MODE_OF(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}

ssize_t write(int file, const void* data, size_t bytes) {
  const int how = failure_on(file);
  if (is_full(how) && bytes > 1) {  // what still fits
    return ::syscall(SYS_write, file, data, bytes / 2);
  }
  return how == 0 ? ::syscall(SYS_write, file, data, bytes) : fail(how);
}

int fsync(int file) {
  const int how = failure_on(file);
  return how == EIO ? fail(how) : static_cast<int>(::syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  const int how = failure_on(file);
  return how == EIO ? fail(how) : static_cast<int>(::syscall(SYS_fdatasync, file));
}
int fallocate(int file, int mode, off_t from, off_t bytes) {
  const int how = failure_on(file);
  return how == 0 ? static_cast<int>(::syscall(SYS_fallocate, file, mode, from, bytes)) : fail(how);
}

int mkdir(const char* path, mode_t mode) {
  const int how = failure_on(path);
  return how == 0 ? static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode)) : fail(how);
}
int rename(const char* from, const char* to) {
  const int how = failure_on(to);
  return how == EROFS || how == EIO ? fail(how)
                                    : static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) {
  const int how = failure_on(path);
  return how == EROFS ? fail(how) : static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int statvfs(const char* path, struct statvfs* out) {
  const int done = next<int(const char*, struct statvfs*)>("statvfs")(path, out);
  if (done == 0 && failure_on(path) == ENOSPC) {
    out->f_bavail = 0;
    out->f_bfree = 0;
  }
  return done;
}

}  // extern "C"
