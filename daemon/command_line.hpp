#pragma once

namespace hookswitch {

/// Everything `hookswitchd` can be asked on the command line (interfaces.md §7). The exit status:
/// 0, 1 failed, 64 bad command line, 78 bad configuration (sysexits.h).
int run_command_line(int argc, char** argv);

}  // namespace hookswitch
