#include "core/cuda_staging.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/cuda.h"

namespace agl::cuda {

constexpr std::size_t kLeast = 256;  // bytes of a place, and what it is aligned to

Staging::~Staging() {
  for (Area& area : areas_) {
    if (area.read != nullptr) cudaEventDestroy(area.read);
    cudaFreeHost(area.data);
  }
  for (const Block& block : apart_) cudaFree(block.data);
  cudaFree(data_);
}

void Staging::open() noexcept {
  data_ = static_cast<unsigned char*>(device_.allocate(kBytes));
  if (data_ == nullptr) device_.note("stage", cudaErrorMemoryAllocation);
  for (Area& area : areas_) {
    void* data = nullptr;
    device_.note("stage", cudaMallocHost(&data, kBytes));
    area.data = static_cast<unsigned char*>(data);
    device_.note("stage", cudaEventCreateWithFlags(&area.read, cudaEventDisableTiming));
  }
}

void Staging::begin() noexcept {
  turn_ = 1 - turn_;
  used_ = filled_ = uploaded_ = apartUsed_ = 0;
  device_.note("stage", cudaEventSynchronize(areas_[turn_].read));
}

const void* Staging::put(const void* host, std::size_t bytes) noexcept {
  const std::size_t place = std::bit_ceil(std::max(bytes, kLeast));
  if (place > kBytes - used_) return putApart(host, bytes);
  unsigned char* const to = data_ + used_;
  if (bytes > 0) std::memcpy(areas_[turn_].data + used_, host, bytes);
  filled_ = used_ + bytes;
  used_ += place;
  return to;
}

void Staging::upload() noexcept {
  if (uploaded_ >= filled_) return;
  const Area& area = areas_[turn_];
  device_.note("stage", cudaMemcpyAsync(data_ + uploaded_, area.data + uploaded_, filled_ - uploaded_,
                                        cudaMemcpyHostToDevice, device_.stream()));
  device_.note("stage", cudaEventRecord(area.read, device_.stream()));
  uploaded_ = used_;
}

// --- internal ---

const void* Staging::putApart(const void* host, std::size_t bytes) noexcept {
  if (apartUsed_ == apart_.size()) apart_.push_back({nullptr, 0});
  Block& block = apart_[apartUsed_++];
  if (block.bytes < bytes) {
    if (block.data != nullptr) device_.release(block.data, block.bytes);
    block = {device_.allocate(bytes), bytes};
  }
  if (block.data == nullptr) {
    block.bytes = 0;
    device_.note("stage", cudaErrorMemoryAllocation);
    return nullptr;
  }
  device_.copyIn(block.data, host, bytes);
  return block.data;
}

}  // namespace agl::cuda
