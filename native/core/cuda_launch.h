// Kernel launches as data: what core/cuda.h's launch() was asked for, in order, until the device starts them. Usable
// without CUDA's headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace agl::cuda {

struct Extent {
  unsigned x, y, z;
  bool operator==(const Extent&) const = default;
};

constexpr std::size_t kArgumentAlignment = 16;  // at most

// A kernel's arguments in one row of bytes, zero between them.
struct ArgumentLayout {
  const std::uint32_t* offsets;  // `count` of them
  std::uint32_t count;
  std::uint32_t bytes;  // a multiple of kArgumentAlignment
};

struct Launch {
  const char* op;
  const void* kernel;  // as the runtime knows it
  const ArgumentLayout* layout;
  Extent grid, block;
  std::size_t sharedBytes;
  std::size_t arguments = 0;  // where they begin among the list's bytes
};

// Keeps its buffers when it is cleared.
class LaunchList {
 public:
  std::size_t size() const { return launches_.size(); }
  const Launch& operator[](std::size_t i) const { return launches_[i]; }
  // Where its arguments are to be written, at once.
  unsigned char* append(const Launch& launch);
  void clear();

  bool hasKernelsOf(const LaunchList& other) const;
  // Of two lists of the same kernels: whether all launches, or those at i, have the same arguments and extents.
  bool equals(const LaunchList& other) const;
  bool equals(const LaunchList& other, std::size_t i) const;
  // As the runtime takes them: one pointer for each argument of the launch at i. Until it is asked again.
  void** arguments(std::size_t i);

 private:
  std::vector<Launch> launches_;
  std::vector<unsigned char> bytes_;
  std::vector<void*> pointers_;
  std::uint64_t kernels_ = 0;  // a hash of them
};

}  // namespace agl::cuda
