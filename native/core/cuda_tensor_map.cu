#include "core/cuda.h"

namespace agl {

// The driver's library is not linked but asked for its function, once.
void* CudaDevice::tensorMapEncoder() noexcept {
  if (tensorMapEncoder_ != nullptr) return tensorMapEncoder_;
  cudaDriverEntryPointQueryResult found{};
  use();
  note("cuTensorMapEncodeTiled", cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &tensorMapEncoder_, 12000,
                                                                  cudaEnableDefault, &found));
  return tensorMapEncoder_;
}

namespace cuda::hopper {

bool mapMatrix(CudaDevice& device, TensorMap& map, const void* data, std::int64_t rows, std::int64_t columns,
               std::int64_t stride, int boxRows) {
  const auto encode = reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(device.tensorMapEncoder());
  if (encode == nullptr) return false;
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride) * 2};  // bytes
  const cuuint32_t box[2] = {kBoxColumns, static_cast<cuuint32_t>(boxRows)};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(data), sizes, strides, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result == CUDA_SUCCESS) return true;
  device.note("mapMatrix", cudaErrorInvalidValue);
  return false;
}

}  // namespace cuda::hopper
}  // namespace agl
