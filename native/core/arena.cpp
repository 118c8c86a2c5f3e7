#include "core/arena.h"

#include <string>
#include <utility>

#include "core/error.h"

namespace agl {

Arena::Arena(Device& device, const char* name, std::size_t bytes) : device_(&device), name_(name), bytes_(rounded(bytes)) {
  if (bytes_ == 0) return;
  data_ = static_cast<std::byte*>(device.allocate(bytes_));
  if (data_ == nullptr) {
    throw Error("E_MEMORY", std::string("arena ") + name + ": expected " + std::to_string(bytes_) +
                                " bytes, the device refused; load a smaller model or context");
  }
}

Arena Arena::counting(const char* name) {
  Arena arena;
  arena.name_ = name;
  arena.bytes_ = SIZE_MAX / 2;
  return arena;
}

Arena::~Arena() {
  if (data_ != nullptr) device_->release(data_, bytes_);
}

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(name_, other.name_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(used_, other.used_);
  std::swap(highWater_, other.highWater_);
  std::swap(largest_, other.largest_);
  return *this;
}

void* Arena::allocate(std::size_t bytes) {
  const std::size_t begin = used_;
  const std::size_t end = begin + rounded(bytes);
  if (end > bytes_) {
    throw Error("E_INTERNAL", std::string("arena ") + name_ + ": the plan holds " + std::to_string(bytes_) +
                                  " bytes, needed " + std::to_string(end));
  }
  used_ = end;
  if (used_ > highWater_) highWater_ = used_;
  if (bytes > largest_) largest_ = bytes;
  return data_ == nullptr ? nullptr : data_ + begin;
}

void Arena::poison() {
  if (data_ != nullptr) device_->fill(data_, 0xff, bytes_);
}

}  // namespace agl
