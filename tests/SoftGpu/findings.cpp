#include "findings.h"

#include <mutex>

namespace softgpu {
namespace {
std::mutex lock;
std::string collected;
long count = 0;
}  // namespace

void report(Fault, const std::string& line) {
    const std::lock_guard<std::mutex> guard(lock);
    if (++count <= 100) collected += line + "\n";
}

long take_findings(std::string& lines) {
    const std::lock_guard<std::mutex> guard(lock);
    const long taken = count;
    lines.swap(collected);
    collected.clear();
    count = 0;
    return taken;
}

}  // namespace softgpu
