// Which instruction sets this processor and its operating system offer.
#pragma once

namespace agl {

enum class Isa { scalar, avx2, avx512, amx };

// A machine that has one has all before it.
constexpr Isa kIsas[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::amx};

const char* isaName(Isa isa);
bool isaSupported(Isa isa);

}  // namespace agl
