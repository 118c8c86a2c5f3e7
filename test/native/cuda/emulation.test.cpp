// The emulation keeps CUDA's promises, and breaks what relies on more.
#define AGL_CUDA_EMULATED
#include "cuda/emulation.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "core/cuda.h"
#include "core/half.h"
#include "cuda/on_device.h"
#include "harness.h"
#include "ops/backends.h"
#include "ops/cuda.h"

namespace agl::test {
namespace {

__global__ void reverse(int* out, const int* in) {
  auto* shared = reinterpret_cast<int*>(cuda::sharedMemory());
  shared[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

// What reverse does, without its barrier.
__global__ void reverseInARace(int* out, const int* in) {
  auto* shared = reinterpret_cast<int*>(cuda::sharedMemory());
  shared[threadIdx.x] = in[threadIdx.x];
  __syncwarp();
  out[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

std::vector<int> ascending(int count) {
  std::vector<int> out(static_cast<std::size_t>(count));
  for (int i = 0; i < count; i++) out[static_cast<std::size_t>(i)] = i + 1;
  return out;
}

}  // namespace

TEST("emulation: a barrier makes every thread's write visible to all, in any order of the warps") {
  const auto device = openDevice();
  const std::vector<int> in = ascending(200), out(in.rbegin(), in.rend());
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    emulation::setOrderSeed(seed);
    OnDevice<int> from(*device, in), to(*device, in.size());
    cuda::launch(*device, "reverse", 1, 200, 200 * sizeof(int), reverse, to.data(), from.data());
    CHECK(to.values() == out);
  }
  emulation::setOrderSeed(0);
  CHECK(std::string(device->failure()).empty());
}

TEST("emulation: a missing barrier is a race that the order of the warps shows") {
  const auto device = openDevice();
  const std::vector<int> in = ascending(200), out(in.rbegin(), in.rend());
  int wrong = 0;
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    emulation::setOrderSeed(seed);
    OnDevice<int> from(*device, in), to(*device, in.size());
    cuda::launch(*device, "reverse", 1, 200, 200 * sizeof(int), reverseInARace, to.data(), from.data());
    wrong += to.values() == out ? 0 : 1;
  }
  emulation::setOrderSeed(0);
  CHECK(wrong > 0);
}

namespace {

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(~0U, 10 * lane, 5);
  out[32 + lane] = __shfl_xor_sync(~0U, lane, 3);
  out[64 + lane] = __shfl_down_sync(~0U, lane, 4);
  out[96 + lane] = __shfl_up_sync(~0U, lane, 4, 8);
  out[128 + lane] = static_cast<int>(__ballot_sync(~0U, lane % 3 == 0));
  if (lane < 16) out[160 + lane] = __shfl_xor_sync(0xffffU, lane, 1);
  else out[160 + lane] = __any_sync(0xffff0000U, lane == 40);
}

__global__ void shuffleAgainstBarrier() {
  if (threadIdx.x < 7) __syncthreads();
  else __syncwarp();
}

__global__ void twoCollectives(int* out) {
  out[threadIdx.x] = threadIdx.x < 16 ? __shfl_sync(~0U, 1, 0) : __any_sync(~0U, 1);
}

}  // namespace

TEST("emulation: shuffles and votes read the lanes that CUDA names, also in halves of a warp") {
  const auto device = openDevice();
  OnDevice<int> out(*device, 192);
  cuda::launch(*device, "shuffles", 1, 32, 0, shuffles, out.data());
  const std::vector<int> values = out.values();
  CHECK(std::string(device->failure()).empty());
  for (int lane = 0; lane < 32; lane++) {
    const auto at = [&](int part) { return values[static_cast<std::size_t>(32 * part + lane)]; };
    CHECK(at(0) == 50);
    CHECK(at(1) == (lane ^ 3));
    CHECK(at(2) == (lane + 4 < 32 ? lane + 4 : lane));
    CHECK(at(3) == (lane % 8 >= 4 ? lane - 4 : lane));
    CHECK(at(4) == 0x49249249);
    CHECK(at(5) == (lane < 16 ? lane ^ 1 : 0));
  }
}

TEST("emulation: threads that wait for each other for ever end the launch, and the process lives") {
  const auto device = openDevice();
  cuda::launch(*device, "stuck", 1, 32, 0, shuffleAgainstBarrier);
  const std::string stuck = device->failure();
  CHECK(stuck.find("stuck: deadlock: 32 threads live") == 0);
  OnDevice<int> out(*device, 32);
  cuda::launch(*device, "torn", 1, 32, 0, twoCollectives, out.data());
  const std::string torn = device->failure();
  CHECK(torn.find("torn: ") == 0 && torn.find("lanes of a warp meet different collectives") != std::string::npos);
  CHECK(std::string(device->failure()).empty());
}

namespace {

// c (16,8) += a (16,16) b (16,8)', both given as bf16 rows of k, through shared memory and ldmatrix.
__global__ void product(float* c, const std::uint16_t* a, const std::uint16_t* b) {
  auto* rows = reinterpret_cast<std::uint16_t*>(cuda::sharedMemory());
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 256; i += 32) rows[i] = a[i];
  for (int i = lane; i < 128; i += 32) rows[256 + i] = b[i];
  __syncwarp();
  std::uint32_t left[4], right[2];
  cuda::loadMatrix4(left, rows + (lane % 16) * 16 + (lane / 16) * 8);
  cuda::loadMatrix2(right, rows + 256 + (lane % 8) * 16 + (lane / 8 % 2) * 8);
  float d[4];
  for (int i = 0; i < 4; i++) d[i] = c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2];
  cuda::mma16816(d, left, right);
  for (int i = 0; i < 4; i++) c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = d[i];
}

// The same with b given as (16,8) rows of n: its fragments are loaded transposed.
__global__ void productTransposed(float* c, const std::uint16_t* a, const std::uint16_t* b) {
  auto* rows = reinterpret_cast<std::uint16_t*>(cuda::sharedMemory());
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 256; i += 32) rows[i] = a[i];
  for (int i = lane; i < 128; i += 32) rows[256 + i] = b[i];
  __syncwarp();
  std::uint32_t left[4], right[2];
  cuda::loadMatrix4(left, rows + (lane % 16) * 16 + (lane / 16) * 8);
  cuda::loadMatrix2Transposed(right, rows + 256 + (lane % 16) * 8);
  float d[4];
  for (int i = 0; i < 4; i++) d[i] = c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2];
  cuda::mma16816(d, left, right);
  for (int i = 0; i < 4; i++) c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = d[i];
}

}  // namespace

TEST("emulation: fragments loaded by ldmatrix and multiplied by mma are the product, plain and transposed") {
  const auto device = openDevice();
  const std::vector<std::uint16_t> a = randomBf16(256, 1), b = randomBf16(128, 2);
  std::vector<std::uint16_t> turned(128);
  for (std::size_t n = 0; n < 8; n++) {
    for (std::size_t k = 0; k < 16; k++) turned[k * 8 + n] = b[n * 16 + k];
  }
  const Floats c0 = randomNumbers(128, 3);
  Floats expected = c0;
  for (std::size_t m = 0; m < 16; m++) {
    for (std::size_t n = 0; n < 8; n++) {
      for (std::size_t k = 0; k < 16; k++) expected[m * 8 + n] += bf16ToF32(a[m * 16 + k]) * bf16ToF32(b[n * 16 + k]);
    }
  }
  OnDevice<std::uint16_t> left(*device, a), right(*device, b), transposed(*device, turned);
  OnDevice<float> c(*device, c0), d(*device, c0);
  cuda::launch(*device, "product", 1, 32, 1024, product, c.data(), left.data(), right.data());
  cuda::launch(*device, "productTransposed", 1, 32, 1024, productTransposed, d.data(), left.data(), transposed.data());
  CHECK(sameNumbers(c.values(), expected));
  CHECK(sameNumbers(d.values(), expected));
  CHECK(std::string(device->failure()).empty());
}

namespace {

// Reads what it copied before the wait, after the wait of the first group, and after that of all.
__global__ void copies(int* out, const int* in) {
  auto* shared = reinterpret_cast<int*>(cuda::sharedMemory());
  cuda::copyAsync16(shared, in, true);
  cuda::copyAsyncCommit();
  cuda::copyAsync16(shared + 4, in + 4, false);
  cuda::copyAsyncCommit();
  out[0] = shared[0];
  cuda::copyAsyncWait<1>();
  out[1] = shared[3];
  out[2] = shared[4];
  cuda::copyAsyncWait<0>();
  out[3] = shared[4];
}

__global__ void touch(int* to) { to[0] = 1; }

}  // namespace

TEST("emulation: cp.async arrives at the wait of its group and not before, zeros where not valid") {
  const auto device = openDevice();
  OnDevice<int> in(*device, ascending(8)), out(*device, 4);
  cuda::launch(*device, "copies", 1, 1, 32, copies, out.data(), in.data());
  CHECK(out.values() == (std::vector<int>{-1, 4, -1, 0}));
  CHECK(std::string(device->failure()).empty());
}

TEST("emulation: a pointer that is not the device's is refused before the kernel runs, null is not") {
  const auto device = openDevice();
  int host = 7;
  cuda::launch(*device, "touch", 1, 1, 0, touch, &host);
  CHECK(host == 7);
  CHECK(std::string(device->failure()).find("touch: expected device memory in pointer 1") == 0);
  OnDevice<int> one(*device, 1);
  cuda::launch(*device, "touch", 1, 1, 0, touch, one.data() + 1);
  CHECK(std::string(device->failure()).find("touch: expected device memory") == 0);
  cuda::launch(*device, "touch", 1, 1, 0, touch, one.data());
  CHECK(one.values()[0] == 1);
  CHECK(std::string(device->failure()).empty());
}

TEST("emulation: the host cannot read device memory, and what cannot be had or is lost is said and survived") {
  const auto device = openDevice();
  OnDevice<int> one(*device, ascending(3));
  int pipe[2];
  CHECK(::pipe(pipe) == 0);
  CHECK(::write(pipe[1], one.data(), sizeof(int)) == -1);
  ::close(pipe[0]);
  ::close(pipe[1]);
  CHECK(device->allocate(std::size_t{1} << 50) == nullptr);
  CHECK(device->scratch(1) == nullptr);
  CHECK(std::string(device->failure()) == "scratch: expected at most 0 bytes, got 1");
  emulation::loseDevice(true);
  cuda::launch(*device, "touch", 1, 1, 0, touch, one.data());
  CHECK(std::string(device->failure()).find("unspecified launch failure") != std::string::npos);
  emulation::loseDevice(false);
  CHECK(one.values() == ascending(3));
}

}  // namespace agl::test
