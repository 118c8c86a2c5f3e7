// The index arrays of passes on their way to a device. They are written one beside the other into page-locked memory, and
// copied in one piece before the next kernel starts. Two such areas take turns, so that the host writes for one pass while
// the copies for the one before may be under way. Arrays of the same sizes, to a power of two, get the same places in
// every pass.
#pragma once

#include <cstddef>
#include <vector>

struct CUevent_st;

namespace agl {
class CudaDevice;
}

namespace agl::cuda {

class Staging {
 public:
  explicit Staging(CudaDevice& device) : device_(device) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  // Takes its memory; failures are the device's.
  void open() noexcept;

  // All places are free again: what was put is no longer needed by any launch to come.
  void begin() noexcept;
  // Null, and a failure of the device, where memory is refused.
  const void* put(const void* host, std::size_t bytes) noexcept;
  // Copies what was put since.
  void upload() noexcept;

 private:
  static constexpr std::size_t kBytes = std::size_t{4} << 20;
  // Of the page-locked areas.
  struct Area {
    unsigned char* data = nullptr;
    CUevent_st* read = nullptr;  // the last copy from it has ended
  };
  struct Block {
    void* data;
    std::size_t bytes;
  };
  const void* putApart(const void* host, std::size_t bytes) noexcept;

  CudaDevice& device_;
  unsigned char* data_ = nullptr;  // kBytes on the device
  Area areas_[2];
  int turn_ = 0;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;    // up to the last byte put
  std::size_t uploaded_ = 0;  // before this nothing waits
  std::vector<Block> apart_;  // for arrays that do not fit, one each
  std::size_t apartUsed_ = 0;
};

}  // namespace agl::cuda
