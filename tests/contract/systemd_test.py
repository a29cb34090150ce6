"""The unit is one that systemd takes without a word, and its sandbox is as tight as its README
says."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SYSTEMD = pathlib.Path(__file__).resolve().parents[2] / "systemd"
UNIT = SYSTEMD / "hookswitchd.service"
SOCKET = SYSTEMD / "hookswitchd.socket"


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60
    )


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Analyzed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def unit(self, change=lambda text: text):
        # verify wants ExecStart to exist; the name stays, so that the line is the real one.
        binary = self.folder / "hookswitchd"
        binary.write_text("#!/bin/sh\n")
        binary.chmod(0o755)
        path = self.folder / "hookswitchd.service"
        path.write_text(change(UNIT.read_text().replace("/usr/bin/hookswitchd", str(binary))))
        return str(path)

    def test_verify_is_silent(self):
        result = analyze("verify", "--man=no", self.unit())
        self.assertEqual((result.returncode, result.stderr, result.stdout), (0, "", ""))

    def test_verify_is_silent_about_the_socket_with_its_service(self):
        self.unit()
        shutil.copy(SOCKET, self.folder)
        result = analyze("verify", "--man=no", str(self.folder / SOCKET.name))
        self.assertEqual((result.returncode, result.stderr, result.stdout), (0, "", ""))

    def test_verify_would_say_that_a_key_is_unknown(self):
        result = analyze(
            "verify",
            "--man=no",
            self.unit(lambda text: text.replace("WatchdogSec=", "WatchdogSeconds=")),
        )
        self.assertIn("WatchdogSeconds", result.stderr)

    def test_exposure_is_at_most_1_5_and_is_what_the_readme_says(self):
        result = analyze("security", "--offline=true", "--threshold=15", "--no-pager", self.unit())
        self.assertEqual(result.returncode, 0, result.stdout)
        score = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout).group(1)
        self.assertIn(f"**{score}**", (SYSTEMD / "README.md").read_text())

    def test_a_looser_unit_is_over_the_threshold(self):
        def loosen(text):
            return "".join(
                line
                for line in text.splitlines(True)
                if not re.match(r"(Protect|Private|SystemCall|Restrict|Capability)", line)
            )

        result = analyze(
            "security", "--offline=true", "--threshold=15", "--no-pager", self.unit(loosen)
        )
        self.assertNotEqual(result.returncode, 0)


class Lines(unittest.TestCase):
    """What the daemon and the contract rely on."""

    def test_the_unit_has_them(self):
        lines = UNIT.read_text().splitlines()
        for line in (
            "Type=notify",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "WatchdogSec=20",
            "RestartPreventExitStatus=64 78",
            "DynamicUser=yes",
            "StateDirectory=hookswitch",
            "CapabilityBoundingSet=",
            "ProtectSystem=strict",
            "PrivateUsers=yes",
            "PrivateMounts=yes",
            "ProtectProc=invisible",
            "MemoryDenyWriteExecute=yes",
            "SystemCallFilter=@system-service",
            "SystemCallFilter=~@privileged @resources",
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
            "IPAddressDeny=any",
        ):
            self.assertIn(line, lines)
        self.assertTrue(any(line.startswith("MemoryMax=") for line in lines))
        self.assertEqual(
            [line for line in SOCKET.read_text().splitlines() if line.startswith("IPAddress")],
            [line for line in lines if line.startswith("IPAddress")],
            "who may connect is the same with and without the socket unit",
        )
        self.assertTrue(any(line.startswith("LoadCredential=") for line in lines))


if __name__ == "__main__":
    unittest.main()
