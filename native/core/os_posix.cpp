#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "core/os.h"

namespace agl {

std::byte* mapMemory(std::size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
#if defined(__linux__)
  madvise(data, bytes, MADV_HUGEPAGE);  // a wish: weights from memory, one row, one core of a virtual machine: 20 to 25 GB/s
#endif
  return static_cast<std::byte*>(data);
}

void unmapMemory(std::byte* data, std::size_t bytes) { munmap(data, bytes); }

std::size_t availableMemory() {
  // MemAvailable is Linux's own estimate, page cache that can be dropped included.
  if (std::FILE* file = std::fopen("/proc/meminfo", "r")) {
    char line[256];
    unsigned long long kilobytes = 0;
    bool found = false;
    while (!found && std::fgets(line, sizeof line, file) != nullptr) {
      found = std::sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1;
    }
    std::fclose(file);
    if (found) return static_cast<std::size_t>(kilobytes) * 1024;
  }
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long pageBytes = sysconf(_SC_PAGESIZE);
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(pageBytes);
}

int availableCores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : static_cast<int>(cores);
}

bool allowTileRegisters() {
#if defined(__linux__) && defined(__x86_64__)
  // Linux saves 8 KB more of each thread only for those who ask (Documentation/arch/x86/xstate.rst).
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  static const bool isAllowed = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return isAllowed;
#else
  return false;
#endif
}

std::string besideThisCode(const char* file) {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&besideThisCode), &self) == 0 || self.dli_fname == nullptr) return "";
  const std::string own = self.dli_fname;
  const std::string path = own.substr(0, own.rfind('/') + 1) + file;
  return access(path.c_str(), F_OK) == 0 ? path : "";
}

void* findInLibrary(const std::string& path, const char* function, std::string& why) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* found = library == nullptr ? nullptr : dlsym(library, function);
  if (found == nullptr) why = dlerror();
  return found;
}

bool hasLibrary(const char* name) {
  void* const library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  return library != nullptr && dlclose(library) == 0;
}

MappedFile::MappedFile(const std::string& path) {
  const auto fail = [&](const char* what) {
    return Error("E_MODEL", path + ": " + what + ": " + std::strerror(errno));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw fail("cannot be opened");
  struct stat status {};
  if (fstat(file, &status) != 0) {
    const Error error = fail("cannot be examined");
    close(file);
    throw error;
  }
  bytes_ = static_cast<std::size_t>(status.st_size);
  if (bytes_ > 0) {
    void* data = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
      const Error error = fail("cannot be mapped");
      close(file);
      throw error;
    }
    data_ = static_cast<std::byte*>(data);
  }
  close(file);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace agl
