#include "apart.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace agl::test {

std::optional<bool> runApart(const std::function<bool()>& work, unsigned seconds, std::string& why) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    const bool result = work();
    std::fflush(nullptr);
    _exit(result ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    why = std::string("no process: ") + std::strerror(errno);
    return std::nullopt;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status) == 0;
  if (WIFEXITED(status)) why = "ended with status " + std::to_string(WEXITSTATUS(status));
  else if (WTERMSIG(status) == SIGALRM) why = "not done after " + std::to_string(seconds) + " s";
  else why = std::string("ended by ") + strsignal(WTERMSIG(status));
  return std::nullopt;
}

}  // namespace agl::test
