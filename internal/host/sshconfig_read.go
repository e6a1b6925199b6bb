package host

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// reading is what ssh_config(5) files say of one host, read as ssh(1) does: in their order, and what is said first holds.
type reading struct {
	alias     string // what the host is called
	user      string // whom the configuration logs in as, or ""
	otherwise string // whom, when the files do not say either

	said  map[string][][]string // the arguments of each line that applies, by its word in lower case
	final bool                  // the second pass, which a Match final asks for
	again bool                  // there is one
}

// readSSHConfig reads the files on behalf of one host.
func readSSHConfig(files []string, alias, user, otherwise string) (*reading, error) {
	r := &reading{alias: alias, user: user, otherwise: otherwise, said: map[string][][]string{}}
	for pass := 0; pass == 0 || pass == 1 && r.again; pass++ {
		if r.final = pass == 1; r.final {
			r.said["hostname"] = [][]string{{r.hostName()}}
		}
		for _, file := range files {
			if err := r.file(file, true, 0); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// keyword and arguments are parted by blanks or one =.
var configLine = regexp.MustCompile(`^[ \t\f]*([^ \t\f=#"][^ \t\f=]*)(?:[ \t\f]*=[ \t\f]*|[ \t\f]+|$)(.*)$`)

// file reads one file. A file that is included into a block applies as that block does.
func (r *reading) file(name string, applies bool, depth int) error {
	const deepest = 16 // READCONF_MAX_DEPTH of OpenSSH's readconf.c
	if depth > deepest {
		return errors.New(name + ": too many files include each other")
	}
	path, err := expandHome(name)
	if err != nil {
		return err
	}
	if err := checkOwner(path); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	block := applies
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		parts := configLine.FindStringSubmatch(strings.TrimRight(line, " \t\f\r\n"))
		if parts == nil {
			continue // blank, or a comment
		}
		arguments, err := splitArguments(parts[2])
		if err != nil {
			return fmt.Errorf("%s line %d: %w", name, number, err)
		}
		switch word := strings.ToLower(parts[1]); {
		case word == "host":
			block = applies && matches(arguments, r.named())
		case word == "match":
			block = r.match(arguments) && applies
		case !block:
		case word == "include":
			err = r.include(arguments, path, depth)
		case word == "proxyjump" && r.first("proxycommand") != "", word == "proxycommand" && r.first("proxyjump") != "":
			// whichever of the two comes first holds
		case len(arguments) > 0 && arguments[0] != "":
			r.said[word] = append(r.said[word], arguments)
		}
		if err != nil {
			return fmt.Errorf("%s line %d: %w", name, number, err)
		}
	}
	return nil
}

// include reads the files of patterns, which are relative to ~/.ssh, or to /etc/ssh in a file of that folder.
func (r *reading) include(patterns []string, from string, depth int) error {
	base := "~/.ssh"
	if strings.HasPrefix(from, "/etc/ssh/") {
		base = "/etc/ssh"
	}
	for _, pattern := range patterns {
		if !filepath.IsAbs(pattern) && !strings.HasPrefix(pattern, "~/") {
			pattern = base + "/" + pattern
		}
		path, err := expandHome(pattern)
		if err != nil {
			return err
		}
		files, err := filepath.Glob(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := r.file(file, true, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// match tells whether all criteria of a Match hold. Those that cannot be judged here, such as exec, do not.
func (r *reading) match(criteria []string) bool {
	holds := len(criteria) > 0
	for len(criteria) > 0 {
		if name, value, found := strings.Cut(criteria[0], "="); found {
			criteria = append([]string{name, value}, criteria[1:]...)
		}
		criterion, negated := strings.CutPrefix(strings.ToLower(criteria[0]), "!")
		criteria = criteria[1:]
		var list string
		if !slices.Contains([]string{"all", "final", "canonical"}, criterion) && len(criteria) > 0 {
			list, criteria = criteria[0], criteria[1:]
		}
		var met bool
		switch criterion {
		case "all":
			met = true
		case "final":
			r.again = true
			met = r.final
		case "canonical":
			met = r.final
		case "host":
			met = matches(strings.Split(strings.ToLower(list), ","), r.hostName())
		case "originalhost":
			met = matches(strings.Split(strings.ToLower(list), ","), strings.ToLower(r.alias))
		case "user":
			met = matches(strings.Split(list, ","), r.loginUser())
		case "localuser":
			met = matches(strings.Split(list, ","), localUser().Username)
		default:
			return false
		}
		holds = holds && met != negated
	}
	return holds
}

// named is the name that Host is about.
func (r *reading) named() string {
	if r.final {
		return r.hostName()
	}
	return r.alias
}

// hostName is where the host is, as far as is said up to here.
func (r *reading) hostName() string {
	name := strings.NewReplacer("%%", "%", "%h", r.alias).Replace(cmp.Or(r.first("hostname"), r.alias))
	return strings.ToLower(name)
}

// loginUser is whom to log in as, as far as is said up to here.
func (r *reading) loginUser() string { return cmp.Or(r.user, r.first("user"), r.otherwise) }

// first is the first argument of the first line of that word, or "".
func (r *reading) first(word string) string {
	if lines := r.said[word]; len(lines) > 0 {
		return lines[0][0]
	}
	return ""
}

// matches tells whether a name matches one of the patterns, and none of those that are negated (PATTERNS of ssh_config(5)).
func matches(patterns []string, name string) bool {
	matched := false
	for _, pattern := range patterns {
		pattern, negated := strings.CutPrefix(strings.ToValidUTF8(pattern, "?"), "!")
		expression := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		if !regexp.MustCompile(`(?s)^` + expression + `$`).MatchString(name) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// splitArguments parts the arguments of a line as argv_split of OpenSSH's misc.c does: at blanks that are not quoted, up to a comment.
func splitArguments(text string) ([]string, error) {
	var arguments []string
	var argument []byte
	var quote byte
	within := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		blank := c == ' ' || c == '\t'
		switch {
		case quote == 0 && !within && c == '#':
			return arguments, nil
		case quote == 0 && !within && blank:
		case quote == 0 && blank:
			arguments, argument, within = append(arguments, string(argument)), nil, false
		case quote == 0 && (c == '"' || c == '\''):
			quote, within = c, true
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && i+1 < len(text) && (strings.IndexByte(`'"\`, text[i+1]) >= 0 || quote == 0 && text[i+1] == ' '):
			i++
			argument, within = append(argument, text[i]), true
		default:
			argument, within = append(argument, c), true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if within {
		arguments = append(arguments, string(argument))
	}
	return arguments, nil
}
