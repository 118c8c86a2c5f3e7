#include "core/cuda_launch.h"

#include <algorithm>
#include <cstring>

namespace agl::cuda {

unsigned char* LaunchList::append(const Launch& launch) {
  const std::size_t begin = bytes_.size();
  launches_.push_back(launch);
  launches_.back().arguments = begin;
  bytes_.resize(begin + launch.layout->bytes);
  kernels_ = (kernels_ ^ reinterpret_cast<std::uintptr_t>(launch.kernel)) * 0x100000001b3;  // FNV-1a, by pointers
  return bytes_.data() + begin;
}

void LaunchList::clear() {
  launches_.clear();
  bytes_.clear();
  kernels_ = 0;
}

bool LaunchList::hasKernelsOf(const LaunchList& other) const {
  return kernels_ == other.kernels_ && std::ranges::equal(launches_, other.launches_, [](const Launch& a, const Launch& b) {
           return a.kernel == b.kernel;
         });
}

static bool sameExtents(const Launch& a, const Launch& b) {
  return a.grid == b.grid && a.block == b.block && a.sharedBytes == b.sharedBytes;
}

bool LaunchList::equals(const LaunchList& other) const {
  return bytes_ == other.bytes_ && std::ranges::equal(launches_, other.launches_, sameExtents);
}

bool LaunchList::equals(const LaunchList& other, std::size_t i) const {
  const Launch& own = launches_[i];
  return sameExtents(own, other.launches_[i]) &&
         std::memcmp(bytes_.data() + own.arguments, other.bytes_.data() + own.arguments, own.layout->bytes) == 0;
}

void** LaunchList::arguments(std::size_t i) {
  const Launch& launch = launches_[i];
  pointers_.clear();
  for (std::uint32_t a = 0; a < launch.layout->count; a++) {
    pointers_.push_back(bytes_.data() + launch.arguments + launch.layout->offsets[a]);
  }
  pointers_.push_back(nullptr);
  return pointers_.data();
}

}  // namespace agl::cuda
