// Hopper's instructions in emulation: what TMA brings and wgmma multiplies is the matrix, and nothing is there too early.
#define AGL_CUDA_EMULATED
#include "core/cuda.h"
#include "cuda/on_device.h"

namespace agl::test {
namespace {

using namespace cuda::hopper;

constexpr int kTile = 64;  // rows of A, and columns of K in a step
constexpr unsigned kTileBytes = kTile * kTile * 2;

// A boxes of 64 x 64 where an operand lies by rows of K; by rows of k its blocks of 64 outputs follow each other.
template <Major M>
__device__ std::uint64_t descriptorOf(unsigned char* tile, int i) {
  return M == Major::k ? describeK(tile + 32 * i) : describeMn(tile + 2048 * i, kTileBytes);
}

// c (64,N) = a b' over K in steps of 64 with two stages: warp group 1 loads, warp group 0 multiplies.
//   Major::k   a (64,K), b (N,K)        Major::mn   a (K,64), b (K,N)
template <int N, Major A, Major B, bool kRegisters>
__global__ void __launch_bounds__(256)
    product(float* c, const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, int steps) {
  constexpr int stages = 2;
  constexpr unsigned bTiles = (N + kTile - 1) / kTile, stageBytes = kTileBytes * (1 + bTiles);
  unsigned char* tiles = cuda::sharedMemory();
  auto* full = reinterpret_cast<Barrier*>(tiles + stages * stageBytes);
  Barrier* empty = full + stages;
  if (threadIdx.x == 0) {
    for (int s = 0; s < stages; s++) {
      initBarrier(full + s, 1);
      initBarrier(empty + s, 128);
    }
    fenceBarriers();
  }
  __syncthreads();
  if (threadIdx.x >= 128) {
    giveRegisters<40>();
    if (threadIdx.x != 128) return;
    for (int t = 0; t < steps; t++) {
      const int s = t % stages;
      const unsigned parity = static_cast<unsigned>(t / stages) & 1U;
      unsigned char* stage = tiles + static_cast<unsigned>(s) * stageBytes;
      wait(empty + s, parity ^ 1U);
      expectBytes(full + s, kTileBytes + (B == Major::k ? N * kTile * 2U : bTiles * kTileBytes));
      tmaLoad2d(stage, a, full + s, A == Major::k ? 0 : t * kTile, A == Major::k ? t * kTile : 0);
      if (B == Major::k) {
        tmaLoad2d(stage + kTileBytes, b, full + s, 0, t * kTile);
      } else {
        for (unsigned i = 0; i < bTiles; i++) {
          tmaLoad2d(stage + kTileBytes * (1 + i), b, full + s, t * kTile, static_cast<int>(i) * kTile);
        }
      }
    }
    return;
  }
  takeRegisters<232>();
  float d[N / 2] = {};
  for (int t = 0; t < steps; t++) {
    const int s = t % stages;
    unsigned char* stage = tiles + static_cast<unsigned>(s) * stageBytes;
    wait(full + s, static_cast<unsigned>(t / stages) & 1U);
    fence();
    for (int i = 0; i < 4; i++) {
      const std::uint64_t right = descriptorOf<B>(stage + kTileBytes, i);
      if constexpr (kRegisters) {
        const unsigned lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane % 16;
        const unsigned at = row * 128 + static_cast<unsigned>(i) * 32 + lane / 16 * 16;
        std::uint32_t left[4];
        cuda::loadMatrix4(left, stage + (at ^ (at >> 7 & 7U) << 4));
        wgmma<N, B>(d, left, right, t + i > 0);
      } else {
        wgmma<N, A, B>(d, descriptorOf<A>(stage, i), right, t + i > 0);
      }
    }
    commit();
    waitProducts<0>();
    arrive(empty + s);
  }
  const unsigned row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
  for (unsigned i = 0; i < N / 2; i++) c[(row + i / 2 % 2 * 8) * N + column + i / 4 * 8 + i % 2] = d[i];
}

std::vector<std::uint16_t> turned(const std::vector<std::uint16_t>& matrix, std::size_t rows, std::size_t columns) {
  std::vector<std::uint16_t> out(matrix.size());
  for (std::size_t r = 0; r < rows; r++) {
    for (std::size_t c = 0; c < columns; c++) out[c * rows + r] = matrix[r * columns + c];
  }
  return out;
}

// K is no multiple of a box: what lies beyond it is zero.
template <int N, Major A, Major B, bool kRegisters = false>
void checkProduct(CudaDevice& device) {
  constexpr std::size_t m = kTile, n = N, k = 152;
  const std::vector<std::uint16_t> left = randomBf16(m * k, 1), right = randomBf16(n * k, 2);
  Floats expected(m * n);
  for (std::size_t r = 0; r < m; r++) {
    for (std::size_t c = 0; c < n; c++) {
      for (std::size_t i = 0; i < k; i++) expected[r * n + c] += bf16ToF32(left[r * k + i]) * bf16ToF32(right[c * k + i]);
    }
  }
  OnDevice<std::uint16_t> a(device, A == Major::k ? left : turned(left, m, k)), b(device, B == Major::k ? right : turned(right, n, k));
  OnDevice<float> c(device, m * n);
  TensorMap aMap{}, bMap{};
  const bool mapped = (A == Major::k ? mapMatrix(device, aMap, a.data(), m, k, k, kTile) : mapMatrix(device, aMap, a.data(), k, m, m, kTile)) &&
                      (B == Major::k ? mapMatrix(device, bMap, b.data(), n, k, k, N) : mapMatrix(device, bMap, b.data(), k, n, n, kTile));
  CHECK(mapped);
  constexpr std::size_t shared = 2 * kTileBytes * (1 + (N + kTile - 1) / kTile) + 32;
  cuda::launch(device, "product", 1, 256, shared, product<N, A, B, kRegisters>, c.data(), aMap, bMap, static_cast<int>((k + kTile - 1) / kTile));
  CHECK(sameNumbers(c.values(), expected));
  const std::string failure = device.failure();
  CHECK(failure.empty());
  if (!failure.empty()) fail(__FILE__, __LINE__, failure);
}

}  // namespace

TEST("emulation: TMA, mbarriers and wgmma make a product of matrices that lie either way, in any order of the warps") {
  const auto device = openDevice();
  for (const std::uint64_t seed : {0, 1, 2}) {
    emulation::setOrderSeed(seed);
    checkProduct<64, Major::k, Major::k>(*device);
    checkProduct<8, Major::k, Major::k>(*device);
    checkProduct<128, Major::k, Major::mn>(*device);
    checkProduct<96, Major::mn, Major::k>(*device);
    checkProduct<192, Major::mn, Major::mn>(*device);
    checkProduct<256, Major::k, Major::k>(*device);
    checkProduct<128, Major::k, Major::mn, true>(*device);
  }
  emulation::setOrderSeed(0);
}

namespace {

// What a thread sees of a transfer before it waits, of a product before it waits, and after.
__global__ void __launch_bounds__(128) early(float* out, const __grid_constant__ TensorMap map) {
  unsigned char* tile = cuda::sharedMemory();
  auto* full = reinterpret_cast<Barrier*>(tile + kTileBytes);
  if (threadIdx.x == 0) {
    initBarrier(full, 1);
    fenceBarriers();
    expectBytes(full, kTileBytes);
    tmaLoad2d(tile, map, full, 0, 0);
    out[0] = cuda::fromBf16(reinterpret_cast<std::uint16_t*>(tile)[0]);
  }
  __syncthreads();
  wait(full, 0);
  float d[4];
  fence();
  wgmma<8>(d, describeK(tile), describeK(tile), false);
  commit();
  if (threadIdx.x == 0) out[1] = d[0];
  waitProducts<0>();
  if (threadIdx.x == 0) out[2] = d[0];
}

__global__ void __launch_bounds__(128) unfenced() {
  float d[4] = {};
  wgmma<8>(d, describeK(cuda::sharedMemory()), describeK(cuda::sharedMemory()), false);
}

__global__ void leaves(const __grid_constant__ TensorMap map) {
  auto* full = reinterpret_cast<Barrier*>(cuda::sharedMemory() + kTileBytes);
  initBarrier(full, 1);
  tmaLoad2d(cuda::sharedMemory(), map, full, 0, 0);
}

}  // namespace

TEST("emulation: what TMA brings is poison before its barrier, a wgmma's registers are before its wait") {
  const auto device = openDevice();
  const std::vector<std::uint16_t> ones(64 * 64, f32ToBf16(1.0F));
  OnDevice<std::uint16_t> matrix(*device, ones);
  OnDevice<float> out(*device, 3);
  TensorMap map{};
  CHECK(mapMatrix(*device, map, matrix.data(), 64, 64, 64, 64));
  cuda::launch(*device, "early", 1, 128, kTileBytes + 8, early, out.data(), map);
  const Floats values = out.values();
  CHECK(std::isnan(values[0]));
  CHECK(std::isnan(values[1]));
  CHECK(values[2] == 16.0F);
  CHECK(std::string(device->failure()).empty());
}

TEST("emulation: a wgmma without a fence, a block that leaves its transfers and a map of unaligned rows are refused") {
  const auto device = openDevice();
  cuda::launch(*device, "unfenced", 1, 128, 4096, unfenced);
  CHECK(std::string(device->failure()).find("wgmma: expected a fence") != std::string::npos);
  OnDevice<std::uint16_t> matrix(*device, 64 * 64);
  TensorMap map{};
  CHECK(mapMatrix(*device, map, matrix.data(), 64, 64, 64, 64));
  cuda::launch(*device, "leaves", 1, 1, kTileBytes + 8, leaves, map);
  CHECK(std::string(device->failure()).find("ended before its transfers") != std::string::npos);
  CHECK(!mapMatrix(*device, map, matrix.data(), 60, 60, 60, 64));
  CHECK(std::string(device->failure()) == "mapMatrix: invalid argument");
}

}  // namespace agl::test
