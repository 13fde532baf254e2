// A stand-in for cuBLASLt: the entry points that the engine calls, with the library's meaning of their arguments (columns first), done plainly. It
// shows that products are handed over rightly, and nothing about the library.
#include <cstring>

#include "device_array.h"

using stand_in::DeviceArray;
using stand_in::Type;

namespace {

enum Status { success = 0, invalid_value = 7, not_supported = 15, execution_failed = 13 };

struct Product {
    int transpose_a = 0, transpose_b = 0;
};

// rows × columns as stored, columns ld apart.
struct Layout {
    Type type;
    uint64_t rows, columns;
    int64_t ld;
    int batch = 1;
    int64_t step = 0;

    int64_t extent() const { return columns ? static_cast<int64_t>(columns - 1) * ld + static_cast<int64_t>(rows) : 0; }
    DeviceArray of(const void* base, int index) const { return {type, base, index * step, extent()}; }
};

struct Choice {
    uint64_t algorithm[8];
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

bool type_of(int data, Type& type) {
    if (data != 0 && data != 2 && data != 14) return false;
    type = data == 0 ? Type::f32 : data == 2 ? Type::f16 : Type::bf16;
    return true;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cublasLtCreate(void** handle) {
    *handle = new char;
    return success;
}
EXPORT int cublasLtDestroy(void* handle) {
    delete static_cast<char*>(handle);
    return success;
}
EXPORT int cublasLtMatmulDescCreate(Product** product, int compute, int scale) {
    if (compute != 68 || scale != 0) return not_supported;
    *product = new Product;
    return success;
}
EXPORT int cublasLtMatmulDescSetAttribute(Product* product, int attribute, const int* value, size_t bytes) {
    if (bytes != sizeof(int) || (attribute != 3 && attribute != 4)) return invalid_value;
    (attribute == 3 ? product->transpose_a : product->transpose_b) = *value;
    return success;
}
EXPORT int cublasLtMatmulDescDestroy(Product* product) {
    delete product;
    return success;
}
EXPORT int cublasLtMatrixLayoutCreate(Layout** layout, int data, uint64_t rows, uint64_t columns, int64_t ld) {
    Type type;
    if (!type_of(data, type) || ld < static_cast<int64_t>(rows)) return invalid_value;
    *layout = new Layout{type, rows, columns, ld};
    return success;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(Layout* layout, int attribute, const void* value, size_t bytes) {
    if (attribute == 5 && bytes == sizeof layout->batch) std::memcpy(&layout->batch, value, bytes);
    else if (attribute == 6 && bytes == sizeof layout->step) std::memcpy(&layout->step, value, bytes);
    else return invalid_value;
    return success;
}
EXPORT int cublasLtMatrixLayoutDestroy(Layout* layout) {
    delete layout;
    return success;
}
EXPORT int cublasLtMatmulPreferenceCreate(void** preference) { return cublasLtCreate(preference); }
EXPORT int cublasLtMatmulPreferenceSetAttribute(void*, int attribute, const uint64_t*, size_t bytes) {
    return attribute == 1 && bytes == sizeof(uint64_t) ? success : invalid_value;
}
EXPORT int cublasLtMatmulPreferenceDestroy(void* preference) { return cublasLtDestroy(preference); }

EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, const Product* product, const Layout* a, const Layout* b, const Layout* c, const Layout* d, void*, int wanted,
                                          Choice* choice, int* found) {
    const uint64_t m = product->transpose_a ? a->columns : a->rows, k = product->transpose_a ? a->rows : a->columns;
    const uint64_t n = product->transpose_b ? b->rows : b->columns, deep = product->transpose_b ? b->columns : b->rows;
    const bool fits = k == deep && c->rows == m && c->columns == n && d->rows == m && d->columns == n && a->batch == b->batch && a->batch == d->batch;
    if (!fits || wanted < 1) return invalid_value;
    *found = a->type == b->type ? 1 : 0;
    *choice = {};
    choice->workspace = 256;
    return success;
}

// d = alpha · op(a) op(b) + beta · c.
EXPORT int cublasLtMatmul(void*, const Product* product, const float* alpha, const void* a_data, const Layout* a, const void* b_data, const Layout* b,
                          const float* beta, const void* c_data, const Layout* c, void* d_data, const Layout* d, const Choice*, void* workspace, size_t bytes,
                          void* stream) {
    if (bytes < 256 || !workspace) return invalid_value;
    if (!stand_in::wait(stream)) return execution_failed;
    const int64_t k = static_cast<int64_t>(product->transpose_a ? a->rows : a->columns);
    for (int t = 0; t < d->batch; ++t) {
        DeviceArray av = a->of(a_data, t), bv = b->of(b_data, t), cv = c->of(c_data, t);
        if (!av.read() || !bv.read() || (*beta != 0 && !cv.read())) return execution_failed;
        for (int64_t j = 0; j < static_cast<int64_t>(d->columns); ++j) {
            DeviceArray column(d->type, d_data, t * d->step + j * d->ld, static_cast<int64_t>(d->rows));
            for (int64_t i = 0; i < static_cast<int64_t>(d->rows); ++i) {
                double sum = 0;
                for (int64_t p = 0; p < k; ++p)
                    sum += static_cast<double>(av[product->transpose_a ? i * a->ld + p : p * a->ld + i]) * bv[product->transpose_b ? p * b->ld + j : j * b->ld + p];
                sum *= *alpha;
                column.set(i, static_cast<float>(*beta != 0 ? sum + *beta * static_cast<double>(cv[j * c->ld + i]) : sum));
            }
            if (!column.write()) return execution_failed;
        }
    }
    return success;
}
