#include "settings.h"

#include <cerrno>
#include <cstdlib>

namespace softgpu {
namespace {

bool parse_number(const std::string& text, uint64_t& number) {
    if (text.empty() || text[0] == '-') return false;
    char* end = nullptr;
    errno = 0;
    number = std::strtoull(text.c_str(), &end, 10);
    return *end == 0 && errno == 0;
}

bool set(Settings& s, const std::string& name, const std::string& value) {
    uint64_t n;
    if (!parse_number(value, n)) return false;
    if (name == "CAPABILITY") {
        if (n != 75 && n != 80 && n != 86 && n != 89 && n != 90) return false;
        s.capability = static_cast<int>(n);
    } else if (name == "MULTIPROCESSORS") {
        if (n < 1 || n > 1024) return false;
        s.multiprocessors = static_cast<int>(n);
    } else if (name == "DEVICES") {
        if (n > 64) return false;
        s.devices = static_cast<int>(n);
    } else if (name == "SEED") {
        s.seed = n;
    } else if (name == "CHECKS") {
        if (n > 1) return false;
        s.checks = n == 1;
    } else if (name == "MEMORY") {
        s.memory = n;
    } else if (name == "DRIVER") {
        if (n > 1000000) return false;
        s.driver_version = static_cast<int>(n);
    } else if (name == "THREADS") {
        if (n > 1024) return false;
        s.threads = static_cast<int>(n);
    } else {
        return false;
    }
    return true;
}

Settings from_environment() {
    Settings s;
    for (const char* name : {"CAPABILITY", "MULTIPROCESSORS", "DEVICES", "SEED", "CHECKS", "MEMORY", "DRIVER", "THREADS"}) {
        if (const char* value = std::getenv((std::string("SOFTGPU_") + name).c_str())) set(s, name, value);
    }
    return s;
}

}  // namespace

Settings& settings() {
    static Settings s = from_environment();
    return s;
}

bool configure(const std::string& name, const std::string& value) {
    const std::string prefix = "SOFTGPU_";
    return set(settings(), name.compare(0, prefix.size(), prefix) == 0 ? name.substr(prefix.size()) : name, value);
}

}  // namespace softgpu
