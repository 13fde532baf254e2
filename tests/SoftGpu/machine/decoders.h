// Decoders that several files share: an opcode's first word may serve integers, reals and halves.
#pragma once

#include <string_view>

#include "decode.h"

namespace softgpu {

bool integer_add(Decoder& d);
bool integer_subtract(Decoder& d);
bool integer_multiply(Decoder& d);
bool integer_multiply_add(Decoder& d);
bool integer_divide(Decoder& d);
bool integer_minimum(Decoder& d);
bool integer_maximum(Decoder& d);
bool integer_absolute(Decoder& d);
bool integer_negate(Decoder& d);
bool carry_add(Decoder& d, bool subtract, bool takes, bool sets);
bool carry_multiply(Decoder& d, bool takes, bool sets);
bool half_arithmetic(Decoder& d, std::string_view operation);
bool exact_reciprocal(Decoder& d);
bool exact_square_root(Decoder& d);
bool approximate_divide(Decoder& d);  // false, with nothing used up, if the opcode asks for an exact division

}  // namespace softgpu
