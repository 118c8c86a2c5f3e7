// Marks inline functions that host and device compile from one source.
#pragma once

#if defined(__CUDACC__)
#define AGL_HOST_DEVICE __host__ __device__
#else
#define AGL_HOST_DEVICE
#endif
