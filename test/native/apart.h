// Work in a process of its own: what crashes or never ends there takes nothing else along. A device that one process has
// touched is unknown to those it starts, so the first one must not touch it.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace agl::test {

// What work returned; none, and why, where its process was ended by a crash or after so many seconds.
std::optional<bool> runApart(const std::function<bool()>& work, unsigned seconds, std::string& why);

}  // namespace agl::test
