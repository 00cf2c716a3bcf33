//go:build unix

package docrun

import "syscall"

// ownGroup makes a job the head of a group of processes, which can be ended together.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (j *job) signal(s syscall.Signal) { _ = syscall.Kill(-j.cmd.Process.Pid, s) }
