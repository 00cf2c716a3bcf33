package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"damson/internal/asm/link"
	"damson/internal/workbench"

	"github.com/spf13/cobra"
)

const linkHelp = `Link makes a program for the PVM of ELF files for RISC-V, as clang and gcc write them: of object files (*.o), or of
one that a linker has made of them with its relocations kept (-Wl,--emit-relocs).

  damson pvm link --header > pvm.h
  clang --target=riscv64 -march=rv64im -mabi=lp64 -mno-relax -O2 -ffreestanding -fno-pic -c calc.c
  damson pvm link calc.o -o calc.pvm

riscv64-unknown-elf-gcc takes the same flags without --target; give it -ffixed-x16 to -ffixed-x31 as well, so that it
keeps to the registers of the machine. (Clang 14 ignores them; x16 to x31 then are in memory, which costs gas.) A compiler that
knows -march=rv64em -mabi=lp64e needs none of them. -ffunction-sections and -fdata-sections leave out what is not used.

What is made depends on the functions there are. With refine, accumulate or both it is the code of a service, with
is_authorized that of an authorizer; with _start or main, or the one that --entry names, it is a standard program. All
have the form

  struct output { const void *octets; u64 length; };
  struct output refine(const u8 *arguments, u64 length);

A call of the host is the instruction ".4byte 0xb | NUMBER << 20", with arguments in a0 to a5 and the result in a0 and
a1: the macro HOST_CALL of pvm.h. ".4byte 0x5150b" is sbrk on a0. The instructions of the extensions M, C and Zbb
are known; there is no floating point, no atomics and no thread-local data, and nobody runs constructors.

The names of functions are written beside the program as OUTPUT.sym, for profile and debug.`

func pvmLinkCommand() *cobra.Command {
	var o link.Options
	var output string
	var header bool
	cmd := &cobra.Command{
		Use:   "link [flags] FILE...",
		Short: "Make a program of RISC-V ELF files, as C compilers write them",
		Long:  linkHelp,
		Example: `  damson pvm link service.o -o service.pvm --metadata my-service
  damson pvm link program.o library.o --entry run --stack 16384 -o program.pvm`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			if header {
				_, err := io.WriteString(cmd.OutOrStdout(), link.Header)
				return err
			}
			if len(paths) == 0 {
				return fmt.Errorf("want ELF files; see damson pvm link --help")
			}
			var files []link.File
			for _, path := range paths {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				files = append(files, link.File{Name: path, Data: data})
			}
			if output == "" {
				output = outputName(paths[0])
			}
			if !cmd.Flags().Changed("metadata") {
				o.Metadata = strings.TrimSuffix(filepath.Base(output), filepath.Ext(output))
			}
			r, err := link.Link(files, o)
			if err != nil {
				return err
			}
			var symbols workbench.Symbols
			for _, s := range r.Symbols {
				symbols = append(symbols, workbench.Symbol(s))
			}
			return writeProgram(cmd, output, r.Object.Octets(), symbols)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", `where to write the program, "-" for standard output; without it the name of the first file with .pvm`)
	flags.StringVar(&o.Entry, "entry", "", "make a standard program that begins with this `FUNCTION`")
	flags.StringVar(&o.Metadata, "metadata", "", "what precedes the code of a service; without it the name of the program")
	flags.Uint32Var(&o.Stack, "stack", 64<<10, "octets of stack")
	flags.Uint16Var(&o.HeapPages, "heap", 0, "pages of zeros behind the data, of 4096 octets; sbrk gives more")
	flags.BoolVar(&header, "header", false, "print pvm.h, the header for programs in C, and do nothing else")
	return cmd
}
