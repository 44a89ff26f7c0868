package diff

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"

	"tenantatlas/shared/catalog"
)

// comparer walks through two normal forms side by side.
type comparer struct {
	t    catalog.Type
	docs [2]*doc // before, after
	// names are those of other objects by type and id, in small letters; types
	// lists the types in order.
	names  map[string]map[string]string
	types  []string
	unread [2]map[string]bool
	// references are the types that ids are of, by the path of the id.
	references map[string]string
	unordered  map[string]bool
	perEach    map[string]bool // parts that hold an answer by value

	changes []Change
	total   int
	counts  map[Count]int
	shown   int // bytes of values that may still be shown at length
}

// frame is a place in both documents.
type frame struct {
	up *frame
	// path and pattern are what the place adds to that of the one above: for a
	// reader, and in the spelling of the catalogue.
	path, pattern string
	label         string
	section       Section
	member        string // the last member's name
	// setting: the place lies within a setting of the settings catalogue, between
	// the definition def and its value or children.
	setting bool
	def     string
	secret  bool // what stands here is a secret on one of the sides
	binary  bool // base64 of a text, if short
}

func (f *frame) join(part func(*frame) string, sep string, limit int) string {
	var parts []string
	for ; f != nil; f = f.up {
		if p := part(f); p != "" {
			parts = append(parts, p)
		}
	}
	slices.Reverse(parts)
	return limited(strings.Join(parts, sep), limit)
}

func (f *frame) fullPath() string {
	return strings.TrimPrefix(f.join(func(f *frame) string { return f.path }, "", maxPath), ".")
}

func (f *frame) fullPattern() string {
	return strings.TrimPrefix(f.join(func(f *frame) string { return f.pattern }, "", maxPath), ".")
}

func (f *frame) fullLabel() string {
	return clip(f.join(func(f *frame) string { return f.label }, separator, 1<<20), maxLabel)
}

// limited is a text that stays unique when it is cut.
func limited(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return clip(s, limit-17) + "#" + hex.EncodeToString(sum[:8])
}

// in is the place of a member.
func (c *comparer) in(f *frame, name string) *frame {
	next := &frame{up: f, member: name, section: f.section}
	if f.setting && within[name] {
		next.pattern, next.setting, next.def = "."+name, true, f.def
		return next
	}
	next.path, next.label = "."+name, humanise(name)
	if !plain(name) {
		next.path = "[" + string(jsonOf(limited(name, maxKey))) + "]"
	}
	next.pattern = "." + name
	if f.up != nil && f.up.up == nil && c.perEach[f.member] {
		next.pattern = "{}"
	}
	if f.up == nil && (name == catalog.PartObject || name == catalog.PartSettings) {
		next.label = ""
	}
	if f.up == nil || f.up.up == nil && f.member == catalog.PartObject {
		next.section = sectionOf(c, next)
	}
	if name == "localizedNotificationMessages" {
		next.section = Messages
	}
	next.binary = strings.HasSuffix(name, "Content") || name == "payload"
	return next
}

// plain reports whether a name can stand in a path as it is.
func plain(name string) bool {
	if name == "@odata.type" {
		return true
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxKey
}

// sectionOf is the section of a member of the document or of the object.
func sectionOf(c *comparer, f *frame) Section {
	switch f.fullPattern() {
	case catalog.PartSettings, "definitionValues", "object.omaSettings", "object.settings", "object.customSettings", "object." + instance:
		return Settings
	case catalog.PartAssignments:
		return Assignments
	case "apps", "object.targetedMobileApps", "object.selectedMobileAppIds", "object.protectedApps", "object.exemptApps":
		return Apps
	case "scheduledActionsForRule", "object.scheduledActionsForRule":
		return ScheduledActions
	}
	pattern := f.fullPattern()
	if c.references[pattern+"[]"] == catalog.TypeScopeTag || c.references[pattern+"[].id"] == catalog.TypeScopeTag {
		return ScopeTags
	}
	return Properties
}

// prepare reads what the catalogue says of the type, and lays the digests of
// secrets to the values that they are of.
func (c *comparer) prepare() {
	for typ := range c.names {
		c.types = append(c.types, typ)
	}
	slices.Sort(c.types)
	c.references, c.unordered, c.perEach = map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, r := range c.t.AllReferences() {
		c.references[r.Path] = r.Type
	}
	for _, path := range c.t.AllUnordered() {
		c.unordered[path] = true
	}
	for _, p := range c.t.Parts {
		c.perEach[p.Name] = p.Each != nil
	}
	for _, d := range c.docs {
		object, _ := d.get(d.root(), catalog.PartObject)
		secrets, _ := d.get(d.root(), catalog.MemberSecrets)
		for _, s := range d.members(secrets) {
			if v := d.place(object, s.name); !v.absent() && d.kind(s.value) == '"' {
				d.secrets = append(d.secrets, digest{v.from, text(d.bytes(s.value))})
			}
		}
		slices.SortFunc(d.secrets, func(a, b digest) int { return cmp.Compare(a.at, b.at) })
	}
}

// place is the value at the place of a secret: names separated by dots, positions
// in brackets.
func (d *doc) place(v value, place string) value {
	for name := range strings.SplitSeq(place, ".") {
		name, position, indexed := strings.Cut(name, "[")
		next, ok := d.get(v, name)
		if !ok {
			return value{}
		}
		v = next
		if !indexed {
			continue
		}
		i, err := strconv.Atoi(strings.TrimSuffix(position, "]"))
		elements := d.elements(v)
		if err != nil || strconv.Itoa(i)+"]" != position || i < 0 || i >= len(elements) {
			return value{}
		}
		v = elements[i]
	}
	return v
}

// document compares the parts, in the order of the type, then what else there is.
func (c *comparer) document() {
	b, a := c.docs[0], c.docs[1]
	if equal(b, a, b.root(), a.root()) {
		return
	}
	membersB, membersA := b.members(b.root()), a.members(a.root())
	rank := map[string]int{}
	for i, p := range c.t.Parts {
		rank[p.Name] = i - len(c.t.Parts)
	}
	byRank := func(x, y member) int { return cmp.Or(rank[x.name]-rank[y.name], strings.Compare(x.name, y.name)) }
	slices.SortFunc(membersB, byRank)
	slices.SortFunc(membersA, byRank)
	root := &frame{section: Properties}
	merge(membersB, membersA, byRank, func(name string, vb, va value) {
		if name == catalog.MemberSecrets {
			c.secrets(root, vb, va)
			return
		}
		c.member(root, name, vb, va)
	})
}

// secrets compares the digests that belong to no value.
func (c *comparer) secrets(root *frame, vb, va value) {
	f := c.in(root, catalog.MemberSecrets)
	var lists [2][]member
	for i, v := range []value{vb, va} {
		d := c.docs[i]
		if other := [2]value{va, vb}[i]; d.kind(v) != '{' && !v.absent() || v.absent() && c.docs[1-i].empty(other) {
			if !equal(c.docs[0], c.docs[1], vb, va) { // never of a capture
				c.emit(f, changed(vb, va), nil, nil, true)
			}
			return
		}
		object, _ := d.get(d.root(), catalog.PartObject)
		for _, m := range d.members(v) {
			if d.kind(m.value) != '"' || d.place(object, m.name).absent() {
				lists[i] = append(lists[i], m)
			}
		}
	}
	merge(lists[0], lists[1], byName, func(name string, b, a value) {
		if !equal(c.docs[0], c.docs[1], b, a) {
			c.emit(c.in(f, name), changed(b, a), nil, nil, true)
		}
	})
}

// merge calls f for the members of either of two sorted lists.
func merge(before, after []member, order func(x, y member) int, f func(name string, b, a value)) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && order(before[0], after[0]) < 0:
			f(before[0].name, before[0].value, value{})
			before = before[1:]
		case len(before) == 0 || order(before[0], after[0]) > 0:
			f(after[0].name, value{}, after[0].value)
			after = after[1:]
		default:
			f(before[0].name, before[0].value, after[0].value)
			before, after = before[1:], after[1:]
		}
	}
}

func byName(x, y member) int { return strings.Compare(x.name, y.name) }

// changed is the kind of a change from b to a, of which one may be absent.
func changed(b, a value) Kind {
	switch {
	case b.absent():
		return Added
	case a.absent():
		return Removed
	}
	return Changed
}

// member compares a member that at least one side has.
func (c *comparer) member(f *frame, name string, b, a value) {
	if equal(c.docs[0], c.docs[1], b, a) {
		return
	}
	next := c.in(f, name)
	if part := f.up == nil || c.perEach[name]; part && (b.absent() && c.unread[0][name] || a.absent() && c.unread[1][name]) {
		c.emit(next, Unreadable, nil, nil, false)
		return
	}
	c.compare(next, b, a)
}

// compare compares two values that differ; one may be absent.
func (c *comparer) compare(f *frame, b, a value) {
	kb, ka := c.docs[0].kind(b), c.docs[1].kind(a)
	switch {
	case f.secret || c.docs[0].isSecret(b) || c.docs[1].isSecret(a):
		c.emit(f, changed(b, a), nil, nil, true)
	case kb == '{' && ka == '{', kb == '{' && ka == 0 && f.isObject() && !c.docs[0].empty(b), kb == 0 && ka == '{' && f.isObject() && !c.docs[1].empty(a):
		c.objects(f, b, a)
	case kb == '[' && ka == '[', kb == 0 && ka == '[' && !c.docs[1].empty(a), ka == 0 && kb == '[' && !c.docs[0].empty(b):
		c.lists(f, b, a)
	default:
		c.whole(f, b, a)
	}
}

// isObject reports whether f is the object itself, which is compared member by
// member though one side lacks it.
func (f *frame) isObject() bool { return f.up.up == nil && f.member == catalog.PartObject }

func (d *doc) empty(v value) bool {
	empty := true
	d.each(v, func([]byte, value) bool {
		empty = false
		return false
	})
	return empty
}

// whole reports two values as one change.
func (c *comparer) whole(f *frame, b, a value) {
	if c.full() {
		c.emit(f, changed(b, a), nil, nil, false)
		return
	}
	var sides [2]*shown
	names := [2]string{}
	secret := false
	for i, v := range []value{b, a} {
		if v.absent() {
			continue
		}
		d := c.docs[i]
		simple := d.settingValue(v)
		if value, ok := d.get(v, "value"); ok && f.up != nil && f.up.member == "omaSettings" && !c.isMask(d, v) && len(d.digests(v)) == 0 {
			simple, f.binary = value, binaryOMA(d, v)
		}
		s := c.show(f, d, simple)
		sides[i], secret = &s, secret || s.secret
		if s.isText {
			names[i] = c.nameOf(f.fullPattern(), s.text)
			if f.setting {
				names[i] = cmp.Or(names[i], shortOption(s.text, f.def))
			}
		}
		if f.up != nil && f.up.member == catalog.PartAssignments && d.kind(v) == '{' {
			names[i] = c.describe(f, d, v)
		}
	}
	before, after := c.values(sides[0], sides[1])
	for i, v := range []*Value{before, after} {
		if v != nil {
			v.Name = clip(names[i], maxLabel)
		}
	}
	c.emit(f, changed(b, a), before, after, secret)
}

// describe is an assignment in words.
func (c *comparer) describe(f *frame, d *doc, v value) string {
	words := f.label
	if intent := d.textAt(v, "intent"); intent != "" {
		words += ", " + intent
	}
	target, _ := d.get(v, "target")
	if filter := c.filter(d, target); filter != nil {
		words += ", filter " + filter.Name
	}
	return words
}

// settingValue is the value of a setting that has one value and no children; of
// others it is the setting itself.
func (d *doc) settingValue(v value) value {
	if d.kind(v) != '{' {
		return v
	}
	inner := v
	if i, ok := d.get(v, instance); ok {
		inner = i
	}
	if _, ok := d.get(inner, definitionID); !ok {
		return v
	}
	for _, name := range []string{"simpleSettingValue", "choiceSettingValue"} {
		holder, _ := d.get(inner, name)
		kids, _ := d.get(holder, children)
		_, secret := d.get(holder, tokenState)
		if plain, ok := d.get(holder, "value"); ok && d.empty(kids) && !secret && bare(d.textAt(holder, "@odata.type")) != secretType {
			return plain
		}
	}
	return v
}

// objects compares two objects member by member.
func (c *comparer) objects(f *frame, b, a value) {
	db, da := c.docs[0], c.docs[1]
	if f.setting && !b.absent() && !a.absent() {
		if db.textAt(b, definitionID) != "" && da.textAt(a, definitionID) != "" && db.textAt(b, "@odata.type") != da.textAt(a, "@odata.type") {
			c.whole(f, b, a) // another kind of setting
			return
		}
	}
	membersB, membersA := db.members(b), da.members(a)
	skip := map[string]bool{}
	switch {
	case f.up != nil && f.up.member == catalog.PartAssignments && f.pattern == "[]":
		c.filters(f, b, a)
	case f.member == "target" && f.up.up != nil && f.up.up.member == catalog.PartAssignments:
		skip[filterID], skip[filterType] = true, true // compared with the assignment
	case f.pattern == "[]" && f.up != nil && f.up.member == catalog.PartSettings:
		if c.olderSetting(f, b, a) {
			skip["value"], skip["valueJson"] = true, true
		}
	}
	slices.SortFunc(membersB, byName)
	slices.SortFunc(membersA, byName)
	masked := c.isMask(db, b) || c.isMask(da, a)
	binary := binaryOMA(db, b) || binaryOMA(da, a)
	merge(membersB, membersA, byName, func(name string, vb, va value) {
		switch {
		case skip[name]:
		case masked && name == "value":
			if !equal(db, da, vb, va) {
				next := c.in(f, name)
				next.secret = true
				c.compare(next, vb, va)
			}
		case name == instance && !f.setting:
			next := c.in(f, name)
			if !equal(db, da, vb, va) {
				next.setting = true
				was, is := db.textAt(vb, definitionID), da.textAt(va, definitionID)
				if next.def = cmp.Or(is, was); was != "" && is != "" && was != is {
					next.def = "" // another setting: nothing is told from its definition
				}
				next.label = shortDefinition(cmp.Or(is, was), "")
				c.compare(next, vb, va)
			}
		case binary && name == "value":
			if !equal(db, da, vb, va) {
				next := c.in(f, name)
				next.binary = true
				c.compare(next, vb, va)
			}
		default:
			c.member(f, name, vb, va)
		}
	})
}

// binaryOMA reports whether the value of an OMA-URI setting is written in base64.
func binaryOMA(d *doc, v value) bool {
	kind := bare(d.textAt(v, "@odata.type"))
	return kind == "omaSettingStringXml" || kind == "omaSettingBase64"
}

// filters compares the filters of two assignments of one target.
func (c *comparer) filters(f *frame, b, a value) {
	db, da := c.docs[0], c.docs[1]
	targetB, targetA := db.find(b, "target"), da.find(a, "target")
	for _, name := range []string{filterID, filterType} {
		vb, va := db.find(targetB, name), da.find(targetA, name)
		if equal(db, da, vb, va) {
			continue
		}
		before, after := c.filter(db, targetB), c.filter(da, targetA)
		kind := Changed
		switch {
		case before == nil && after != nil:
			kind = Added
		case before != nil && after == nil:
			kind = Removed
		}
		next := &frame{up: f, path: ".filter", pattern: ".filter", label: "Filter", section: f.section, member: "filter"}
		c.emit(next, kind, before, after, false)
		return
	}
}

// olderSetting compares the values of a setting of an older template, which says
// each value twice: as JSON in a text, and again where it is simple.
func (c *comparer) olderSetting(f *frame, b, a value) bool {
	db, da := c.docs[0], c.docs[1]
	if db.textAt(b, "definitionId") == "" || da.textAt(a, "definitionId") == "" {
		return false
	}
	jsonB, okB := db.get(b, "valueJson")
	jsonA, okA := da.get(a, "valueJson")
	if !okB || !okA || equal(db, da, jsonB, jsonA) || db.kind(jsonB) != '"' || da.kind(jsonA) != '"' {
		return false
	}
	var sides [2]shown
	for i, v := range []value{jsonB, jsonA} {
		s := text(c.docs[i].bytes(v))
		if !json.Valid([]byte(s)) {
			return false
		}
		sides[i] = shown{raw: []byte(s)}
		if s[0] == '"' {
			sides[i].text, sides[i].isText = text(sides[i].raw), true
		}
	}
	before, after := c.values(&sides[0], &sides[1])
	c.emit(f, Changed, before, after, false)
	return true
}

// lists compares two lists: first what is the same in both, then by what the
// elements are called, then by likeness.
func (c *comparer) lists(f *frame, b, a value) {
	db, da := c.docs[0], c.docs[1]
	before, after := db.elements(b), da.elements(a)
	pattern := f.fullPattern()
	pairs := matchEqual(db, da, before, after)
	leftB, leftA := leftovers(pairs, len(before), len(after))

	named := c.named(f, pattern, before, after)
	called := [2]map[int]element{nameAll(named, db, before, leftB), nameAll(named, da, after, leftA)}
	byKey := matchKeys(called, leftB, leftA)
	// Without a key, an object is paired with the one most like it; a simple value
	// is nothing but itself.
	unkeyed := func(d *doc, list []value, called map[int]element, left []int) []int {
		return slices.DeleteFunc(slices.Clone(left), func(i int) bool {
			return called[i].key != "" || d.kind(list[i]) != '{' && d.kind(list[i]) != '['
		})
	}
	similar := matchSimilar(db, da, before, after, unkeyed(db, before, called[0], leftB), unkeyed(da, after, called[1], leftA))

	equalPairs := len(pairs)
	pairs = slices.Concat(pairs, byKey, similar)
	different := pairs[equalPairs:]
	to := make(map[int]int, len(different))
	for _, p := range different {
		to[p.b] = p.a
	}
	places := newPlaces(c, f, pattern, len(before) == 1 && len(after) == 1)
	for _, i := range leftB {
		j, ok := to[i]
		if c.full() {
			kind := Removed
			if ok {
				kind = Changed
			}
			c.count(f.section, kind)
			continue
		}
		if ok {
			c.compare(places.pair(called[0][i], called[1][j], i, j), before[i], after[j])
			continue
		}
		c.compareOne(places.one(Removed, called[0][i], db, before[i], i), before[i], value{})
	}
	matched := make(map[int]bool, len(different))
	for _, p := range different {
		matched[p.a] = true
	}
	for _, j := range leftA {
		switch {
		case matched[j]:
		case c.full():
			c.count(f.section, Added)
		default:
			c.compareOne(places.one(Added, called[1][j], da, after[j], j), value{}, after[j])
		}
	}
	if !c.unordered[pattern] && crossed(pairs) {
		c.reordered(f, named, before, after, pairs)
	}
}

// name is what an element is called. Only objects have names, and not those that
// are a secret: theirs would be its token.
func name(named func(*doc, value) element, d *doc, v value) element {
	if d.kind(v) != '{' || d.isSecret(v) {
		return element{}
	}
	return named(d, v)
}

// nameAll names those elements of a list that have a key.
func nameAll(named func(*doc, value) element, d *doc, list []value, which []int) map[int]element {
	called := map[int]element{}
	for _, i := range which {
		if e := name(named, d, list[i]); e.key != "" {
			called[i] = e
		}
	}
	return called
}

// compareOne reports an element that one side lacks.
func (c *comparer) compareOne(f *frame, b, a value) {
	if c.docs[0].isSecret(b) || c.docs[1].isSecret(a) {
		c.emit(f, changed(b, a), nil, nil, true)
		return
	}
	c.whole(f, b, a)
}

// crossed reports whether elements changed places.
func crossed(pairs []pair) bool {
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(x, y pair) int { return x.b - y.b })
	return !sort.SliceIsSorted(pairs, func(x, y int) bool { return pairs[x].a < pairs[y].a })
}

// reordered reports that the elements of a list changed places: those that both
// sides have, by their names in the order of each.
func (c *comparer) reordered(f *frame, named func(*doc, value) element, before, after []value, pairs []pair) {
	if c.full() {
		c.emit(f, Reordered, nil, nil, false)
		return
	}
	var sides [2]*shown
	secret := false
	for side, list := range [][]value{before, after} {
		at := func(p pair) int { return p.b }
		if side == 1 {
			at = func(p pair) int { return p.a }
		}
		slices.SortFunc(pairs, func(x, y pair) int { return at(x) - at(y) })
		size := 0
		order := []json.RawMessage{}
		for _, p := range pairs {
			d, v := c.docs[side], list[at(p)]
			if d.isSecret(v) {
				secret = true
				continue
			}
			e := name(named, d, v)
			switch kind := d.kind(v); {
			case e.key != "":
				order = append(order, jsonOf(limited(e.key, maxKey)))
			case kind == '{' || kind == '[': // it has no name
				c.emit(f, Reordered, nil, nil, secret)
				return
			default:
				order = append(order, d.bytes(v))
			}
			if size += len(order[len(order)-1]); size > 2*maxValue {
				break
			}
		}
		sides[side] = &shown{raw: jsonOf(order)}
	}
	b, a := c.values(sides[0], sides[1])
	c.emit(f, Reordered, b, a, secret)
}

// matchKeys pairs elements of the same key, the first with the first.
func matchKeys(called [2]map[int]element, b, a []int) []pair {
	at := map[string][]int{}
	for _, j := range a {
		if key := called[1][j].key; key != "" {
			at[key] = append(at[key], j)
		}
	}
	var pairs []pair
	for _, i := range b {
		key := called[0][i].key
		if open := at[key]; key != "" && len(open) > 0 {
			pairs = append(pairs, pair{i, open[0]})
			at[key] = open[1:]
		}
	}
	return pairs
}

// places makes the places of the elements of one list.
type places struct {
	c       *comparer
	list    *frame
	pattern string
	alone   bool // the only element on both sides needs no number in labels
	used    map[string]int
}

func newPlaces(c *comparer, list *frame, pattern string, alone bool) *places {
	return &places{c, list, pattern, alone, map[string]int{}}
}

func (p *places) pair(b, a element, i, j int) *frame {
	if b.key != "" {
		a.label = cmp.Or(a.label, b.label)
		return p.keyed(Changed, a)
	}
	position := strconv.Itoa(i)
	if i != j {
		position += ":" + strconv.Itoa(j)
	}
	return p.positioned(position, j)
}

// one is the place of an element that only one side has.
func (p *places) one(kind Kind, e element, d *doc, v value, i int) *frame {
	if e.key != "" {
		return p.keyed(kind, e)
	}
	if k := d.kind(v); k == '{' || k == '[' {
		return p.positioned(strconv.Itoa(i), i)
	}
	// A simple value is its own key.
	f := p.keyed(kind, element{key: limited(text(d.bytes(v)), maxKey)})
	if p.list.section == ScopeTags {
		f.label = cmp.Or(p.c.nameOf(f.fullPattern(), text(d.bytes(v))), f.member)
	}
	return f
}

func (p *places) keyed(kind Kind, e element) *frame {
	key := limited(e.key, maxKey)
	n := p.used[string(kind)+key]
	p.used[string(kind)+key]++
	f := p.element()
	f.path = "[" + string(jsonOf(key)) + "]"
	if n > 0 {
		f.path = "[" + string(jsonOf(key)) + "#" + strconv.Itoa(n+1) + "]"
	}
	f.member, f.label = key, clip(e.label, maxLabel)
	if e.def != "" {
		f.def, f.setting = e.def, true
	}
	return f
}

func (p *places) positioned(position string, i int) *frame {
	f := p.element()
	f.path = "[" + position + "]"
	if !p.alone {
		f.label = strconv.Itoa(i + 1)
	}
	return f
}

// element is what all elements have in common.
func (p *places) element() *frame {
	return &frame{up: p.list, pattern: "[]", section: p.list.section, setting: p.list.setting, def: p.list.def}
}

// full reports whether no more changes are kept.
func (c *comparer) full() bool { return len(c.changes) >= MaxChanges }

func (c *comparer) count(section Section, kind Kind) {
	c.total++
	c.counts[Count{Section: section, Kind: kind}]++
}

// emit keeps a change, or counts it.
func (c *comparer) emit(f *frame, kind Kind, before, after *Value, secret bool) {
	full := c.full()
	if c.count(f.section, kind); full {
		return
	}
	label := f.fullLabel()
	for at := f; label == "" && at != nil; at = at.up {
		label = spell(at.member)
	}
	c.changes = append(c.changes, Change{
		Path: f.fullPath(), Label: label, Section: f.section, Kind: kind, Before: before, After: after, Secret: secret,
	})
}
