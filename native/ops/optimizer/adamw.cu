#include <algorithm>
#include <vector>

#include "core/lanes.cuh"
#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/optimizer/adamw.h"

namespace agl {
namespace {

struct Moments {
  float p, m, v;
};

__global__ void stepNumbers(float* p, const float* gradients, float* m, float* v, std::int64_t count, AdamwConstants k) {
  cuda::eachColumn(
      count,
      [&](std::int64_t i) {
        const float g = k.scale * gradients[i];
        const float first = k.beta1 * m[i] + k.rest1 * g;
        const float second = k.beta2 * v[i] + k.rest2 * g * g;
        const float denominator = __fsqrt_rn(second) / k.root + k.eps;
        return Moments{k.decay * p[i] - k.rate * first / denominator, first, second};
      },
      [&](std::int64_t i, Moments next) {
        p[i] = next.p;
        m[i] = next.m;
        v[i] = next.v;
      });
}

void step(Context& ctx, View p, View g, View m, View v, const AdamwStep& options) {
  const std::int64_t count = p.rows * p.cols;
  cuda::launch(cudaDevice(ctx), "adamw.step", cuda::tilesOf(1, count), cuda::kTileThreads, 0, stepNumbers, p.f32(), g.f32(),
               m.f32(), v.f32(), count, adamwConstants(options));
}

constexpr int kWarps = 8;

// A warp sums a piece: thread t < 16 the chain of lane t, in the order of the host's.
__global__ void squarePieces(double* sums, const float* g, std::int64_t count, std::int64_t pieces) {
  const std::int64_t piece = cuda::warpOfGrid();
  if (piece >= pieces) return;
  const std::int64_t begin = piece * kSquaredNormPiece;
  const std::int64_t rest = count - begin;
  const int here = static_cast<int>(rest < kSquaredNormPiece ? rest : kSquaredNormPiece);
  double sum = cuda::foldLanes(
      0.0, here, 0.0F, [&](int i) { return g[begin + i]; },
      [](double chain, float x) { return chain + static_cast<double>(x) * static_cast<double>(x); });
  sum = cuda::sumLanes(sum);
  if (cuda::threadOfWarp() == 0) sums[piece] = sum;
}

double squaredNorm(Context& ctx, View g) {
  CudaDevice& device = cudaDevice(ctx);
  const std::int64_t count = g.rows * g.cols;
  std::vector<double> host;
  double sum = 0;
  for (std::int64_t first = 0; first < count; first += kSquaredNormPieces * kSquaredNormPiece) {
    const std::int64_t pieces = std::min(kSquaredNormPieces, cuda::partsOf(count - first, kSquaredNormPiece));
    const auto bytes = static_cast<std::size_t>(pieces) * sizeof(double);
    auto* sums = static_cast<double*>(device.scratch(bytes));
    if (sums == nullptr) return sum;
    cuda::launch(device, "adamw.squaredNorm", cuda::blocksOf(pieces, kWarps), kWarps * cuda::kWarp, 0, squarePieces, sums,
                 g.f32() + first, count - first, pieces);
    host.assign(static_cast<std::size_t>(pieces), 0.0);
    device.copyOut(host.data(), sums, bytes);
    for (const double piece : host) sum += piece;
  }
  return sum;
}

}  // namespace

const Adamw kCudaAdamw = {step, squaredNorm};

}  // namespace agl
