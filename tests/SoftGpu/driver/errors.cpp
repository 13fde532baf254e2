// The names and texts of result codes.
#include "entry.h"

using namespace softgpu;

namespace {

struct ResultText {
    CUresult result;
    const char *name, *text;
};

const ResultText* text_of(CUresult result) {
#define X(name, number, text) {name, #name, text},
    static constexpr ResultText texts[] = {CUDA_RESULTS(X)};
#undef X
    for (auto& one : texts)
        if (one.result == result) return &one;
    return nullptr;
}

CUresult answer(const char** text, const char* found) {
    if (!text) return CUDA_ERROR_INVALID_VALUE;
    *text = found;
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

SOFTGPU_API CUresult cuGetErrorName(CUresult result, const char** text) {
    auto* known = text_of(result);
    return answer(text, known ? known->name : nullptr);
}

SOFTGPU_API CUresult cuGetErrorString(CUresult result, const char** text) {
    auto* known = text_of(result);
    return answer(text, known ? known->text : nullptr);
}
