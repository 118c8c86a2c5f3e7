// Which instruction sets this processor and its operating system offer.
#pragma once

namespace agl {

enum class Isa { scalar, avx2, avx512 };

const char* isaName(Isa isa);
bool isaSupported(Isa isa);

}  // namespace agl
