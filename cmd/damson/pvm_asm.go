package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"damson/internal/asm"
	"damson/internal/workbench"

	"github.com/spf13/cobra"
)

const asmHelp = `Asm makes a program of a text: a standard program, or the code of a service if the text has the directive .service.

A line holds a label with a colon, an instruction or a directive, and a comment from a semicolon on. Registers are r0
to r12. Instructions have the names of the Gray Paper, A.5; the register that is written comes first, the target last.

  .equ NAME, 5       a constant, known from here on
  .ro  .rw  .code    what follows is read-only data, data that can be written, or code
  .octets 1, 0xff    data: octets                  .u64 1, NAME    words of eight octets
  .ascii "text"      characters                    .zero 8         zeros
  .heap 2            pages of zeros behind the data; their address is the constant heap
  .stack 4096        octets of stack
  .jumps one, two    labels for the jump table: their addresses for jump_ind are 2, 4 and so on
  .service "name"    make the code of a service, with this metadata
  .program           make a program blob, without data

Where jumps lead must begin a basic block: write fallthrough where the instruction before does not end one. What disasm
prints has more, so that it assembles to just the same octets: add_imm_64/2 for an immediate of two octets, .raw and .pad for
octets that are no instruction, .jumpsize for the form of the jump table.

Labels of code are written beside the program as OUTPUT.sym, for profile and debug.`

func pvmAsmCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "asm [flags] FILE",
		Short: "Assemble a program",
		Long:  asmHelp,
		Example: `  printf 'load_imm r7, 0\nload_imm r8, 0\njump_ind r0, 0\n' > nothing.pvmasm
  damson pvm asm nothing.pvmasm && damson pvm run nothing.pvm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readText(cmd, args[0])
			if err != nil {
				return err
			}
			o, err := asm.Assemble(text)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if output == "" {
				output = outputName(args[0])
			}
			var symbols workbench.Symbols
			for _, l := range o.Labels {
				if l.Name != fmt.Sprintf("at_%x", l.PC) { // which a listing has made up
					symbols = append(symbols, workbench.Symbol{PC: l.PC, Name: l.Name})
				}
			}
			return writeProgram(cmd, output, o.Octets(), symbols)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", `where to write the program, "-" for standard output; without it the name of the text with .pvm`)
	return cmd
}

// readText reads a file, or standard input for "-".
func readText(cmd *cobra.Command, path string) (string, error) {
	if path == "-" {
		text, err := io.ReadAll(cmd.InOrStdin())
		return string(text), err
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// outputName is the name of a program that is made of a file.
func outputName(path string) string {
	if path == "-" {
		return "-"
	}
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".pvm"
}

// writeProgram writes a program, and its symbols beside it.
func writeProgram(cmd *cobra.Command, path string, octets []byte, symbols workbench.Symbols) error {
	if path == "-" {
		_, err := cmd.OutOrStdout().Write(octets)
		return err
	}
	if err := os.WriteFile(path, octets, 0o644); err != nil {
		return err
	}
	if len(symbols) == 0 {
		return nil
	}
	text, err := symbols.File()
	if err != nil {
		return err
	}
	return os.WriteFile(path+symbolSuffix, text, 0o644)
}

func pvmDisasmCommand() *cobra.Command {
	var output, kind, symbols string
	var plain bool
	cmd := &cobra.Command{
		Use:   "disasm [flags] FILE",
		Short: "List a program so that asm makes it again",
		Long: `Disasm lists a program of any kind as text. "damson pvm asm" makes the same octets of the text, one for one: what is
encoded in another way than usual says so (add_imm_64/4 has four octets for its immediate), what is no instruction
stands there as octets (.raw, .pad), and jumps to where none may lead have a distance in place of a label.

Comments say where an instruction is; functions have their names if there are symbols.`,
		Example: `  damson pvm disasm bench/programs/fib.pvm
  damson pvm disasm fib.pvm -o fib.pvmasm && damson pvm asm fib.pvmasm -o again.pvm && cmp fib.pvm again.pvm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := openObject(args[0], kind)
			if err != nil {
				return err
			}
			names, err := readSymbols(args[0], symbols)
			if err != nil {
				return err
			}
			options := asm.Options{Comments: !plain, Names: names.At}
			if plain {
				options.Names = nil
			}
			text, err := asm.Disassemble(o, options)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if output != "" && output != "-" {
				return os.WriteFile(output, []byte(text), 0o644)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), text)
			return err
		},
	}
	registerKind(cmd, &kind)
	cmd.Flags().StringVarP(&output, "output", "o", "", "where to write the text; without it standard output")
	cmd.Flags().StringVar(&symbols, "symbols", "", "the `FILE` with the names of functions; without it PROGRAM.sym, if there is one")
	cmd.Flags().BoolVar(&plain, "plain", false, "leave out comments")
	return cmd
}
