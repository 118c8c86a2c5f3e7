// What the engine asks of the operating system; each system has one os_*.cpp.
#pragma once

#include <cstddef>
#include <string>

namespace agl {

// Anonymous zeroed pages, or null when refused.
std::byte* mapMemory(std::size_t bytes);
void unmapMemory(std::byte* data, std::size_t bytes);

// Bytes a process could still take without swapping.
std::size_t availableMemory();
// Cores this process may run on.
int availableCores();

// Asks, once, that threads of this process may use the tile registers of AMX; false where that cannot be.
bool allowTileRegisters();

// The path of `file` in the folder of this code, or "" where there is none.
std::string besideThisCode(const char* file);

// A function of the shared library at `path`, which stays open from then on. Null, and why.
void* findInLibrary(const std::string& path, const char* function, std::string& why);

// Whether the system finds a shared library of this name.
bool hasLibrary(const char* name);

// A file mapped for reading. The mapping lives as long as the object.
class MappedFile {
 public:
  // Throws E_MODEL naming the file when it cannot be opened or mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace agl
