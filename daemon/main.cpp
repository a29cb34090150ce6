#include "daemon/command_line.hpp"

int main(int argc, char** argv) { return hookswitch::run_command_line(argc, argv); }
