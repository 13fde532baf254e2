// Arithmetic in several words: the carry is a bit a lane, kept by the warp.
#include "decoders.h"
#include "lanes.h"

namespace softgpu {
namespace {

template <class T, bool subtract>
void with_carry(Warp& w, const Instruction& i, uint32_t mask) {  // mode: 1 takes the carry, 2 sets it
    const T* a = w.at<T>(i.a);
    const T* b = w.at<T>(i.b);
    T* d = w.at<T>(i.d);
    for_lanes(mask, [&](unsigned l) {
        const auto x = static_cast<unsigned __int128>(a[l]), y = static_cast<unsigned __int128>(b[l]);
        const unsigned in = i.mode & 1 ? (w.carry >> l) & 1 : 0;
        const unsigned __int128 r = subtract ? x - y - in : x + y + in;
        d[l] = static_cast<T>(r);
        if (i.mode & 2) w.carry = (w.carry & ~(1u << l)) | (static_cast<uint32_t>(r >> (8 * sizeof(T)) & 1) << l);
    });
}
template <class T>
void multiply_with_carry(Warp& w, const Instruction& i, uint32_t mask) {  // mode 4: the high half of the product
    const T* a = w.at<T>(i.a);
    const T* b = w.at<T>(i.b);
    const T* c = w.at<T>(i.c);
    T* d = w.at<T>(i.d);
    for_lanes(mask, [&](unsigned l) {
        const unsigned __int128 whole = static_cast<unsigned __int128>(a[l]) * b[l];
        const T product = static_cast<T>(i.mode & 4 ? whole >> (8 * sizeof(T)) : whole);
        const unsigned __int128 r = static_cast<unsigned __int128>(product) + c[l] + (i.mode & 1 ? (w.carry >> l) & 1 : 0);
        d[l] = static_cast<T>(r);
        if (i.mode & 2) w.carry = (w.carry & ~(1u << l)) | (static_cast<uint32_t>(r >> (8 * sizeof(T)) & 1) << l);
    });
}

bool emit(Decoder& d, Execute e, Type t) {
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.d = d.target(0, t);
    return d.emit(e, Kind::integer);
}

}  // namespace

bool carry_add(Decoder& d, bool subtract, bool takes, bool sets) {
    const Type t = d.type();
    d.i.mode = static_cast<uint8_t>((takes ? 1 : 0) | (sets ? 2 : 0));
    if (is_float(t) || bytes_of(t) < 4) return false;
    if (bytes_of(t) == 8) return emit(d, subtract ? with_carry<uint64_t, true> : with_carry<uint64_t, false>, t);
    return emit(d, subtract ? with_carry<uint32_t, true> : with_carry<uint32_t, false>, t);
}

bool carry_multiply(Decoder& d, bool takes, bool sets) {
    const bool high = d.has("hi");
    if (!high && !d.has("lo")) return false;
    const Type t = d.type();
    if (is_float(t) || bytes_of(t) < 4 || (high && is_signed(t))) return false;
    d.i.mode = static_cast<uint8_t>((takes ? 1 : 0) | (sets ? 2 : 0) | (high ? 4 : 0));
    d.i.c = d.source(3, t);
    return emit(d, bytes_of(t) == 8 ? multiply_with_carry<uint64_t> : multiply_with_carry<uint32_t>, t);
}

}  // namespace softgpu
