// Handles and what they stand for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

namespace softgpu {

// The next number, for any kind of handle: none is ever used twice.
uint64_t new_handle();

template <class Handle, class Object>
class Handles {
public:
    Handle add(std::shared_ptr<Object> object) {
        auto handle = reinterpret_cast<Handle>(new_handle());
        object->handle = handle;
        objects_.emplace(handle, std::move(object));
        return handle;
    }
    std::shared_ptr<Object> find(Handle handle) const {
        auto found = objects_.find(handle);
        return found == objects_.end() ? nullptr : found->second;
    }
    // Null, and a finding that says so, if the handle is not (or no longer) one of this kind.
    std::shared_ptr<Object> expect(Handle handle, const char* kind) const;
    void remove(Handle handle) { objects_.erase(handle); }
    template <class Condition>
    void remove_if(Condition condition) {
        for (auto at = objects_.begin(); at != objects_.end();) at = condition(*at->second) ? objects_.erase(at) : std::next(at);
    }
    const std::map<Handle, std::shared_ptr<Object>>& all() const { return objects_; }

private:
    std::map<Handle, std::shared_ptr<Object>> objects_;
};

// A finding about a handle of the given kind that is none.
void report_handle(uint64_t handle, const char* kind);

template <class Handle, class Object>
std::shared_ptr<Object> Handles<Handle, Object>::expect(Handle handle, const char* kind) const {
    auto object = find(handle);
    if (!object) report_handle(reinterpret_cast<uint64_t>(handle), kind);
    return object;
}

}  // namespace softgpu
