"""A cluster of one node: SLURM and an SSH server, with a remote user who is not the one who tests."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import socket
import subprocess
from pathlib import Path

from .processes import SEARCH_PATH, Program, free_ports, is_listening, missing_programs, wait_for

__all__ = ('Slurm',)

_HOST = '127.0.0.1'


class Slurm:
    """A running cluster, in a folder, reached by SSH on loopback.

    Its jobs belong to a user made for it, and removed with it; for one who is not root, who can make none, to himself.

    :ivar user: the remote user.
    :ivar home: his home; `home / 'small'` is a disk of a megabyte if :attr:`has_small_disk`.
    :ivar port: of the SSH server.
    :ivar key: the file of the private key.
    :ivar ssh_home: a home for the one who tests, whose SSH configuration knows the cluster as ``host_alias``.
    """

    host_alias = 'dreamflow-cluster'

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: list[Program] = []
        self._mounted: list[Path] = []
        self._user_made = False
        self.home = folder / 'home'
        self.home.mkdir()
        self.ssh_home = folder / 'ssh_home'
        self.user = self._make_user()
        self.port, controller, node = free_ports(3)
        try:
            self.has_small_disk = self._mount_small_disk()
            self._start_munge()
            self._start_slurm(controller, node)
            self._start_sshd()
            self._configure_client()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def missing() -> str | None:
        """Return why there is no SLURM here; ``None`` if there is."""
        programs = missing_programs('slurmctld', 'slurmd', 'sbatch', 'munged', 'mungekey', 'sshd', 'ssh-keygen')
        if programs:
            return f'needs SLURM (Debian: apt-get install slurm-wlm openssh-server munge): no {programs}'
        return None

    def run(self, command: str) -> str:
        """Run a command as the remote user, over SSH; return what it prints."""
        config = self.ssh_home / '.ssh' / 'config'
        done = subprocess.run(
            ['ssh', '-F', config, '-o', 'BatchMode=yes', self.host_alias, command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
        return done.stdout.strip()

    def show(self, folder: Path) -> Path | None:
        """Make a folder readable for the remote user, wherever it is; where he finds it, ``None`` if we may not."""
        place = self.home / f'shown-{len(self._mounted)}'
        place.mkdir()
        return place if self._mount('--bind', '-o', 'ro', folder, place) else None

    def close(self) -> None:
        """Kill its jobs, stop it, and remove what it made outside its folder."""
        if self._programs:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self.run('scancel --user $USER; sleep 0.2')
        for program in reversed(self._programs):
            program.stop()
        for path in self._mounted:
            subprocess.run(['umount', '--lazy', path], check=False)
        if self._user_made:
            wait_for(lambda: not self._processes_of_user(), f'the processes of {self.user} end', 20)
            subprocess.run(['userdel', self.user], capture_output=True, check=False, env=_environment())

    def _processes_of_user(self) -> str:
        return subprocess.run(['ps', '-o', 'pid=', '-u', self.user], capture_output=True, text=True).stdout.strip()

    def _make_user(self) -> str:
        if os.geteuid() != 0:
            return getpass.getuser()
        name = f'dreamflow{os.getpid()}'
        # A password that nothing matches, but not a locked account: the SSH server would refuse that.
        subprocess.run(
            ['useradd', '--no-create-home', '--home-dir', self.home, '--shell', '/bin/bash', '--password', '*', name],
            check=True,
            env=_environment(),
        )
        self._user_made = True
        subprocess.run(['chown', f'{name}:', self.home], check=True)
        return name

    def _mount_small_disk(self) -> bool:
        """A disk that is soon full, if we may mount one."""
        path = self.home / 'small'
        path.mkdir(mode=0o777)
        path.chmod(0o777)
        return self._mount('-t', 'tmpfs', '-o', 'size=1m,mode=777', 'tmpfs', path)

    def _mount(self, *arguments: str | Path) -> bool:
        done = subprocess.run(['mount', *arguments], capture_output=True, check=False)
        if done.returncode == 0:
            self._mounted.append(Path(arguments[-1]))
        return done.returncode == 0

    # -- servers

    def _start(self, *command: str | Path) -> Program:
        log = self._folder / f'{Path(command[0]).name}.log'
        environment = {'SLURM_CONF': str(self._folder / 'slurm.conf')}
        self._programs.append(Program(command, log, environment))
        return self._programs[-1]

    def _start_munge(self) -> None:
        folder = self._folder / 'munge'
        folder.mkdir()
        subprocess.run(['mungekey', '--create', f'--keyfile={folder / "key"}'], check=True, env=_environment())
        socket_file = folder / 'socket'
        munge = self._start(
            'munged',
            '--foreground',
            '--force',
            f'--key-file={folder / "key"}',
            f'--socket={socket_file}',
            f'--pid-file={folder / "pid"}',
            f'--seed-file={folder / "seed"}',
            f'--log-file={folder / "log"}',
        )
        munge.wait_for(socket_file.exists, 'munge listens')

    def _start_slurm(self, controller: int, node: int) -> None:
        name = socket.gethostname().partition('.')[0]
        memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**20 - 256
        for part in ('state', 'spool'):
            (self._folder / part).mkdir(mode=0o755)
        me = getpass.getuser()
        (self._folder / 'slurm.conf').write_text(f"""\
ClusterName=dreamflow
SlurmctldHost={name}({_HOST})
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={me}
SlurmdUser={me}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={self._folder / 'munge' / 'socket'}
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
KillWait=1
OverTimeLimit=0
ReturnToService=2
StateSaveLocation={self._folder / 'state'}
SlurmdSpoolDir={self._folder / 'spool'}
SlurmctldPidFile={self._folder / 'slurmctld.pid'}
SlurmdPidFile={self._folder / 'slurmd.pid'}
NodeName={name} NodeAddr={_HOST} CPUs={os.cpu_count()} RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes={name} Default=YES MaxTime=INFINITE State=UP
PartitionName=other Nodes={name} MaxTime=INFINITE State=UP
""")
        configuration = self._folder / 'slurm.conf'
        self._start('slurmctld', '-D', '-f', configuration).wait_for(lambda: is_listening(controller), 'slurmctld')
        self._start('slurmd', '-D', '-f', configuration, '-N', name).wait_for(self._is_idle, 'the node is idle')

    def _is_idle(self) -> bool:
        environment = {**_environment(), 'SLURM_CONF': str(self._folder / 'slurm.conf')}
        command = ['sinfo', '--noheader', '--format=%t', '--partition=debug']
        return subprocess.run(command, env=environment, capture_output=True, text=True).stdout.strip() == 'idle'

    def _start_sshd(self) -> None:
        folder = self._folder / 'sshd'
        folder.mkdir(mode=0o755)
        for name in ('host', 'client'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / name], check=True)
        self.key = folder / 'client'
        (folder / 'authorized').write_text((folder / 'client.pub').read_text())
        (folder / 'authorized').chmod(0o644)
        (folder / 'config').write_text(f"""\
Port {self.port}
ListenAddress {_HOST}
HostKey {folder / 'host'}
PidFile {folder / 'pid'}
AuthorizedKeysFile {folder / 'authorized'}
AllowUsers {self.user}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100:30:200
MaxSessions 100
Subsystem sftp internal-sftp
SetEnv SLURM_CONF={self._folder / 'slurm.conf'}
""")
        if os.geteuid() == 0:
            Path('/run/sshd').mkdir(mode=0o755, exist_ok=True)  # where sshd locks itself in; its place is compiled in
        self._start('sshd', '-D', '-e', '-f', folder / 'config').wait_for(
            lambda: is_listening(self.port), 'sshd listens'
        )

    def _configure_client(self) -> None:
        folder = self.ssh_home / '.ssh'
        folder.mkdir(parents=True, mode=0o700)
        known = folder / 'known_hosts'
        key = ' '.join((self._folder / 'sshd' / 'host.pub').read_text().split()[:2])
        known.write_text(f'[{_HOST}]:{self.port} {key}\n')
        (folder / 'config').write_text(f"""\
Host {self.host_alias}
  HostName {_HOST}
  Port {self.port}
  User {self.user}
  IdentityFile {shlex.quote(str(self.key))}
  IdentitiesOnly yes
  UserKnownHostsFile {known}
""")
        (folder / 'config').chmod(0o600)


def _environment() -> dict[str, str]:
    return {**os.environ, 'PATH': SEARCH_PATH}
