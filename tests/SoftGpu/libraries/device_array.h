// What the stand-ins for NVIDIA's libraries share: they compute on the host, through the driver that is in use. Everything that was launched on the
// stream has run before they read, and what they write is there when they return: stricter than the libraries, never wrong.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "../machine/half.h"

namespace stand_in {

enum class Type { f32, f16, bf16 };

inline size_t size_of(Type type) { return type == Type::f32 ? 4 : 2; }

template <class Function>
Function driver(const char* name) {
    const char* path = std::getenv("CODETR_CUDA_DRIVER");
    static void* const library = dlopen(path ? path : "libcuda.so.1", RTLD_NOW);
    return reinterpret_cast<Function>(library ? dlsym(library, name) : nullptr);
}

// Waits for the stream. False: the driver says no.
inline bool wait(void* stream) { return driver<int (*)(void*)>("cuStreamSynchronize")(stream) == 0; }

// `count` numbers on the device from an element on. They are read, and written back, in one piece.
class DeviceArray {
public:
    DeviceArray(Type type, const void* base, int64_t first, int64_t count)
        : type_(type), at_(reinterpret_cast<uint64_t>(base) + static_cast<uint64_t>(first) * size_of(type)), bytes_(static_cast<size_t>(count) * size_of(type)) {}

    float operator[](int64_t i) const { return get(static_cast<size_t>(i)); }
    void set(int64_t i, float v) {
        const auto at = static_cast<size_t>(i);
        if (type_ == Type::f32) reinterpret_cast<float*>(bytes_.data())[at] = v;
        else reinterpret_cast<uint16_t*>(bytes_.data())[at] = type_ == Type::f16 ? softgpu::to_f16(v) : softgpu::to_bf16(v);
    }
    bool read() { return bytes_.empty() || driver<int (*)(void*, uint64_t, size_t)>("cuMemcpyDtoH_v2")(bytes_.data(), at_, bytes_.size()) == 0; }
    bool write() const { return bytes_.empty() || driver<int (*)(uint64_t, const void*, size_t)>("cuMemcpyHtoD_v2")(at_, bytes_.data(), bytes_.size()) == 0; }

private:
    float get(size_t i) const {
        if (type_ == Type::f32) return reinterpret_cast<const float*>(bytes_.data())[i];
        const uint16_t v = reinterpret_cast<const uint16_t*>(bytes_.data())[i];
        return type_ == Type::f16 ? softgpu::from_f16(v) : softgpu::from_bf16(v);
    }

    Type type_;
    uint64_t at_;
    std::vector<unsigned char> bytes_;
};

}  // namespace stand_in
