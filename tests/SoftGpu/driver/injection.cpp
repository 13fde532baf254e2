#include "injection.h"

#include <cstdlib>
#include <list>
#include <sstream>

#include "../findings.h"

namespace softgpu {

namespace {

struct Failure {
    std::string function;
    CUresult result;
    int skip;
};

std::list<Failure>& failures() {
    static auto* asked = new std::list<Failure>;
    static bool read = false;
    if (!read) {
        read = true;
        auto* text = std::getenv("SOFTGPU_FAIL");
        std::istringstream items(text ? text : "");
        for (std::string item; std::getline(items, item, ',');) {
            auto colon = item.find(':');
            char* end = nullptr;
            auto result = colon == std::string::npos ? 0 : std::strtol(item.c_str() + colon + 1, &end, 10);
            if (result == 0) report(Fault::host, "SOFTGPU_FAIL: '" + item + "' is not function:result or function:result:skip");
            else asked->push_back({item.substr(0, colon), CUresult(result), *end == ':' ? std::atoi(end + 1) : 0});
        }
    }
    return *asked;
}

}  // namespace

void fail_next(const std::string& function, int result, int skip) { failures().push_back({function, CUresult(result), skip}); }

CUresult injected(const std::string& function) {
    for (auto at = failures().begin(); at != failures().end(); ++at) {
        if (at->function != function || at->skip-- > 0) continue;
        auto result = at->result;
        failures().erase(at);
        return result;
    }
    return CUDA_SUCCESS;
}

}  // namespace softgpu
