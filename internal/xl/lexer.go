package xl

import (
	"errors"
	"fmt"
	"strings"
)

// token is a lexical element of xl's configuration language: libxlu_cfg_l.l.
type token struct {
	kind tokenKind
	text string // of a string: what it means
	line int
}

type tokenKind int

const (
	tokenEnd     tokenKind = iota
	tokenNewline           // or a semicolon
	tokenName
	tokenNumber
	tokenString
	tokenMark // one of = += [ ] ,
)

// lex splits a deployment file. Comments go to the callback, which finds OpenNebula's there.
func lex(text string, comment func(string)) ([]token, error) {
	var tokens []token
	line := 1
	for len(text) > 0 {
		t := token{line: line}
		size := 1
		switch c := text[0]; {
		case c == '\n' || c == ';':
			t.kind = tokenNewline
			if c == '\n' {
				line++
			}
		case c == ' ' || c == '\t':
			text = text[1:]
			continue
		case c == '#':
			size = strings.IndexByte(text, '\n')
			if size < 0 {
				return nil, fmt.Errorf("line %d: the last line is a comment without a newline, which xl refuses", line)
			}
			comment(text[:size])
			text = text[size:]
			continue
		case strings.HasPrefix(text, "+="):
			t.kind, size = tokenMark, 2
		case strings.IndexByte("=[],", c) >= 0:
			t.kind = tokenMark
		case 'a' <= c && c <= 'z':
			t.kind, size = tokenName, span(text, "_0123456789abcdefghijklmnopqrstuvwxyz")
		case '0' <= c && c <= '9':
			t.kind, size = tokenNumber, span(text, "0123456789abcdefx")
		case c == '\'' || c == '"':
			content, length, err := unquote(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			t.kind, t.text, size = tokenString, content, length
		default:
			return nil, fmt.Errorf("line %d: xl's configuration language has no %q here", line, c)
		}
		if t.kind != tokenString {
			t.text = text[:size]
		}
		tokens = append(tokens, t)
		text = text[size:]
	}
	return append(tokens, token{kind: tokenEnd, line: line}), nil
}

// span is how many bytes at the start of text are among chars.
func span(text, chars string) int {
	return len(text) - len(strings.TrimLeft(text, chars))
}

// escapes are the one-letter escapes of an xl string, libxlu_cfg.c. Its numeric ones do not work
// in Xen 4.17: "\x41" is an error and "\101" gives an empty string.
var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\'': '\'', '"': '"', '\\': '\\'}

// unquote reads the quoted string at the start of text: what it means and how long it is there.
func unquote(text string) (content string, length int, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == text[0]:
			return b.String(), i + 1, nil
		case c == '\n':
			return "", 0, errors.New("a string ends at the end of the line without its quote")
		case c == '\\' && i+1 < len(text):
			i++
			value, known := escapes[text[i]]
			if !known {
				return "", 0, errors.New("a string holds a backslash escape that xl does not know")
			}
			b.WriteByte(value)
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, errors.New("a string has no closing quote")
}
