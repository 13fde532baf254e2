// A stand-in for cuDNN: the entry points that the engine calls, channels-last, done plainly. It shows that convolutions are handed over rightly, and
// nothing about the library.
#include "device_array.h"

using stand_in::DeviceArray;
using stand_in::Type;

namespace {

enum Status { success = 0, bad_param = 3, not_supported = 9, execution_failed = 8 };

struct Handle {
    void* stream = nullptr;
};

struct Map {
    Type type = Type::f32;
    int64_t images = 0, channels = 0, height = 0, width = 0;

    int64_t count() const { return images * channels * height * width; }
    int64_t at(int64_t image, int64_t y, int64_t x, int64_t c) const { return ((image * height + y) * width + x) * channels + c; }
};

struct Filter : Map {};  // images are outputs

struct Convolution {
    int64_t pad[2] = {}, stride[2] = {}, dilation[2] = {}, groups = 1;
};

bool type_of(int data, Type& type) {
    if (data != 0 && data != 2 && data != 9) return false;
    type = data == 0 ? Type::f32 : data == 2 ? Type::f16 : Type::bf16;
    return true;
}

int describe(Map* map, int layout, int data, int n, int c, int h, int w) {
    if (layout != 1 || !type_of(data, map->type)) return not_supported;
    map->images = n, map->channels = c, map->height = h, map->width = w;
    return success;
}

bool fits(const Map* x, const Filter* w, const Convolution* c, const Map* y) {
    const auto places = [](int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
        return (size + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
    };
    return x->images == y->images && w->images == y->channels && w->channels * c->groups == x->channels && x->type == y->type && x->type == w->type &&
           y->height == places(x->height, w->height, c->stride[0], c->pad[0], c->dilation[0]) &&
           y->width == places(x->width, w->width, c->stride[1], c->pad[1], c->dilation[1]);
}

// Calls each(element of x, of w, of y) for all products.
template <class Each>
void for_each_product(const Map& x, const Filter& w, const Convolution& c, const Map& y, Each each) {
    const int64_t outputs = y.channels / c.groups;
    for (int64_t n = 0; n < y.images; ++n)
        for (int64_t i = 0; i < y.height; ++i)
            for (int64_t j = 0; j < y.width; ++j)
                for (int64_t r = 0; r < w.height; ++r)
                    for (int64_t s = 0; s < w.width; ++s) {
                        const int64_t row = i * c.stride[0] - c.pad[0] + r * c.dilation[0], column = j * c.stride[1] - c.pad[1] + s * c.dilation[1];
                        if (row < 0 || row >= x.height || column < 0 || column >= x.width) continue;
                        for (int64_t o = 0; o < y.channels; ++o)
                            for (int64_t k = 0; k < w.channels; ++k)
                                each(x.at(n, row, column, o / outputs * w.channels + k), w.at(o, r, s, k), y.at(n, i, j, o));
                    }
}

// to = alpha · sums over all products of one and the other + beta · to.
template <class Pick>
int convolve(const Handle* handle, const Map& x, const Filter& w, const Convolution& c, const Map& y, const Map& one_map, const void* one, const Map& other_map,
             const void* other, const Map& to_map, void* to, float alpha, float beta, int algorithm, const void* workspace, size_t bytes, Pick pick) {
    if (!fits(&x, &w, &c, &y) || algorithm != 1 || !workspace || bytes < 256) return bad_param;
    if (!stand_in::wait(handle->stream)) return execution_failed;
    DeviceArray first(one_map.type, one, 0, one_map.count()), second(other_map.type, other, 0, other_map.count()), result(to_map.type, to, 0, to_map.count());
    if (!first.read() || !second.read() || (beta != 0 && !result.read())) return execution_failed;
    std::vector<double> sums(static_cast<size_t>(to_map.count()));
    for_each_product(x, w, c, y, [&](int64_t in_x, int64_t in_w, int64_t in_y) { pick(sums, first, second, in_x, in_w, in_y); });
    for (int64_t i = 0; i < to_map.count(); ++i) {
        const double sum = alpha * sums[static_cast<size_t>(i)];
        result.set(i, static_cast<float>(beta != 0 ? sum + beta * static_cast<double>(result[i]) : sum));
    }
    return result.write() ? success : execution_failed;
}

int workspace_of(const Map* x, const Filter* w, const Convolution* c, const Map* y, int algorithm, size_t* bytes) {
    *bytes = 256;
    return fits(x, w, c, y) && algorithm == 1 ? success : not_supported;
}

template <class T>
int make(T** made) {
    *made = new T;
    return success;
}
template <class T>
int unmake(T* made) {
    delete made;
    return success;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cudnnCreate(Handle** handle) { return make(handle); }
EXPORT int cudnnDestroy(Handle* handle) { return unmake(handle); }
EXPORT int cudnnSetStream(Handle* handle, void* stream) {
    handle->stream = stream;
    return success;
}
EXPORT int cudnnCreateTensorDescriptor(Map** map) { return make(map); }
EXPORT int cudnnDestroyTensorDescriptor(Map* map) { return unmake(map); }
EXPORT int cudnnSetTensor4dDescriptor(Map* map, int layout, int data, int n, int c, int h, int w) { return describe(map, layout, data, n, c, h, w); }
EXPORT int cudnnCreateFilterDescriptor(Filter** filter) { return make(filter); }
EXPORT int cudnnDestroyFilterDescriptor(Filter* filter) { return unmake(filter); }
EXPORT int cudnnSetFilter4dDescriptor(Filter* filter, int data, int layout, int k, int c, int h, int w) { return describe(filter, layout, data, k, c, h, w); }
EXPORT int cudnnCreateConvolutionDescriptor(Convolution** convolution) { return make(convolution); }
EXPORT int cudnnDestroyConvolutionDescriptor(Convolution* convolution) { return unmake(convolution); }
EXPORT int cudnnSetConvolution2dDescriptor(Convolution* c, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w, int mode, int compute) {
    *c = {{pad_h, pad_w}, {stride_h, stride_w}, {dilation_h, dilation_w}};
    return mode == 1 && compute == 0 ? success : not_supported;
}
EXPORT int cudnnSetConvolutionGroupCount(Convolution* c, int groups) {
    c->groups = groups;
    return success;
}
EXPORT int cudnnSetConvolutionMathType(Convolution*, int math) { return math >= 0 && math <= 3 ? success : bad_param; }

EXPORT int cudnnGetConvolutionForwardWorkspaceSize(Handle*, const Map* x, const Filter* w, const Convolution* c, const Map* y, int algorithm, size_t* bytes) {
    return workspace_of(x, w, c, y, algorithm, bytes);
}
EXPORT int cudnnGetConvolutionBackwardDataWorkspaceSize(Handle*, const Filter* w, const Map* y, const Convolution* c, const Map* x, int algorithm, size_t* bytes) {
    return workspace_of(x, w, c, y, algorithm, bytes);
}
EXPORT int cudnnGetConvolutionBackwardFilterWorkspaceSize(Handle*, const Map* x, const Map* y, const Convolution* c, const Filter* w, int algorithm, size_t* bytes) {
    return workspace_of(x, w, c, y, algorithm, bytes);
}

EXPORT int cudnnConvolutionForward(Handle* handle, const float* alpha, const Map* x, const void* x_data, const Filter* w, const void* w_data, const Convolution* c,
                                   int algorithm, void* workspace, size_t bytes, const float* beta, const Map* y, void* y_data) {
    return convolve(handle, *x, *w, *c, *y, *x, x_data, *w, w_data, *y, y_data, *alpha, *beta, algorithm, workspace, bytes,
                    [](auto& sums, auto& xs, auto& ws, int64_t in_x, int64_t in_w, int64_t in_y) {
                        sums[static_cast<size_t>(in_y)] += static_cast<double>(xs[in_x]) * ws[in_w];
                    });
}
EXPORT int cudnnConvolutionBackwardData(Handle* handle, const float* alpha, const Filter* w, const void* w_data, const Map* y, const void* y_data, const Convolution* c,
                                        int algorithm, void* workspace, size_t bytes, const float* beta, const Map* x, void* x_data) {
    return convolve(handle, *x, *w, *c, *y, *w, w_data, *y, y_data, *x, x_data, *alpha, *beta, algorithm, workspace, bytes,
                    [](auto& sums, auto& ws, auto& ys, int64_t in_x, int64_t in_w, int64_t in_y) {
                        sums[static_cast<size_t>(in_x)] += static_cast<double>(ws[in_w]) * ys[in_y];
                    });
}
EXPORT int cudnnConvolutionBackwardFilter(Handle* handle, const float* alpha, const Map* x, const void* x_data, const Map* y, const void* y_data, const Convolution* c,
                                          int algorithm, void* workspace, size_t bytes, const float* beta, const Filter* w, void* w_data) {
    return convolve(handle, *x, *w, *c, *y, *x, x_data, *y, y_data, *w, w_data, *alpha, *beta, algorithm, workspace, bytes,
                    [](auto& sums, auto& xs, auto& ys, int64_t in_x, int64_t in_w, int64_t in_y) {
                        sums[static_cast<size_t>(in_w)] += static_cast<double>(xs[in_x]) * ys[in_y];
                    });
}
