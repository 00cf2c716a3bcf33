//go:build !unix

package docrun

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }

func (j *job) signal(s syscall.Signal) { _ = j.cmd.Process.Signal(s) }
