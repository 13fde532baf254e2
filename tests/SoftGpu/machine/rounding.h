// The host's rounding mode, for the time of one instruction.
#pragma once

#include <cfenv>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "program.h"

namespace softgpu {

// Operands are loaded after, and results stored before, the barriers below, so the arithmetic stays between them.
class RoundingMode {
public:
    explicit RoundingMode(Rounding r) : changed(r != Rounding::nearest) {
        if (!changed) return;
#if defined(__x86_64__)
        saved = _mm_getcsr();
        const unsigned bits = r == Rounding::zero ? _MM_ROUND_TOWARD_ZERO : r == Rounding::down ? _MM_ROUND_DOWN : _MM_ROUND_UP;
        _mm_setcsr((saved & ~static_cast<unsigned>(_MM_ROUND_MASK)) | bits);
#else
        saved = static_cast<unsigned>(std::fegetround());
        std::fesetround(r == Rounding::zero ? FE_TOWARDZERO : r == Rounding::down ? FE_DOWNWARD : FE_UPWARD);
#endif
        asm volatile("" ::: "memory");
    }
    ~RoundingMode() {
        if (!changed) return;
        asm volatile("" ::: "memory");
#if defined(__x86_64__)
        _mm_setcsr(saved);
#else
        std::fesetround(static_cast<int>(saved));
#endif
    }
    RoundingMode(const RoundingMode&) = delete;
    RoundingMode& operator=(const RoundingMode&) = delete;

private:
    const bool changed;
    unsigned saved = 0;
};

}  // namespace softgpu
