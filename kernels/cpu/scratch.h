// Memory of one worker, kept from call to call.
#pragma once

#include <cstdint>
#include <cstdlib>

class Scratch {
public:
    // At least so many floats, aligned to a page; what an earlier call left there is lost.
    float* reserve(int64_t floats) {
        if (floats > size_) {
            std::free(data_);
            size_ = (floats + 1023) / 1024 * 1024;
            data_ = static_cast<float*>(std::aligned_alloc(4096, static_cast<size_t>(size_) * sizeof(float)));
            if (!data_) std::abort();
        }
        return data_;
    }

    ~Scratch() { std::free(data_); }

private:
    float* data_ = nullptr;
    int64_t size_ = 0;
};
