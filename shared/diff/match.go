package diff

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
)

// pair is an element before and its counterpart after.
type pair struct{ b, a int }

// equal reports whether two values are the same, secrets included.
func equal(db, da *doc, b, a value) bool {
	if b.absent() || a.absent() {
		return b.absent() && a.absent()
	}
	return bytes.Equal(db.bytes(b), da.bytes(a)) && slices.Equal(db.digests(b), da.digests(a))
}

// matchEqual pairs the elements that are the same, the first with the first.
func matchEqual(db, da *doc, before, after []value) []pair {
	seed := maphash.MakeSeed() // chance decides nothing: what meets is compared
	return match(len(before), len(after),
		func(i int) uint64 { return maphash.Bytes(seed, db.bytes(before[i])) },
		func(j int) uint64 { return maphash.Bytes(seed, da.bytes(after[j])) },
		func(i, j int) bool { return equal(db, da, before[i], after[j]) })
}

// match pairs what is the same in two lists, by hashes that are equal for it.
func match(before, after int, hashB, hashA func(i int) uint64, same func(i, j int) bool) []pair {
	at := make(map[uint64][]int32, after)
	for j := after - 1; j >= 0; j-- {
		h := hashA(j)
		at[h] = append(at[h], int32(j))
	}
	var pairs []pair
	for i := range before {
		h := hashB(i)
		open := at[h]
		for k, j := range slices.Backward(open) {
			if same(i, int(j)) {
				pairs = append(pairs, pair{i, int(j)})
				at[h] = slices.Delete(open, k, k+1)
				break
			}
		}
	}
	return pairs
}

// leftovers are the elements of two lists that are in no pair.
func leftovers(pairs []pair, before, after int) (b, a []int) {
	hasB, hasA := make([]bool, before), make([]bool, after)
	for _, p := range pairs {
		hasB[p.b], hasA[p.a] = true, true
	}
	for i, has := range hasB {
		if !has {
			b = append(b, i)
		}
	}
	for i, has := range hasA {
		if !has {
			a = append(a, i)
		}
	}
	return b, a
}

// maxSimilar bounds the pairs that are weighed; of more, neighbours are paired.
const maxSimilar = 2_500

// matchSimilar pairs elements without a key by how much they have in common. The
// result does not depend on which list is called the first.
func matchSimilar(db, da *doc, before, after []value, b, a []int) []pair {
	if len(b) == 0 || len(a) == 0 {
		return nil
	}
	if len(b) == 1 && len(a) == 1 { // nearly always: nothing is to be weighed
		if alike(db, da, before[b[0]], after[a[0]]) {
			return []pair{{b[0], a[0]}}
		}
		return nil
	}
	var pairs []pair
	if len(b)*len(a) > maxSimilar {
		for i := range min(len(b), len(a)) {
			if db.kind(before[b[i]]) == da.kind(after[a[i]]) {
				pairs = append(pairs, pair{b[i], a[i]})
			}
		}
		return pairs
	}
	shapesB, shapesA := shapes(db, before, b), shapes(da, after, a)
	type candidate struct{ i, j, score int }
	var all []candidate
	for i := range b {
		for j := range a {
			if score := common(shapesB[i], shapesA[j]); score > 0 {
				all = append(all, candidate{i, j, score})
			}
		}
	}
	apart := func(c candidate) int { return max(c.i-c.j, c.j-c.i) }
	slices.SortFunc(all, func(x, y candidate) int {
		return cmp.Or(y.score-x.score, apart(x)-apart(y), (x.i+x.j)-(y.i+y.j), x.i-y.i)
	})
	doneB, doneA := make([]bool, len(b)), make([]bool, len(a))
	for _, c := range all {
		if !doneB[c.i] && !doneA[c.j] {
			doneB[c.i], doneA[c.j] = true, true
			pairs = append(pairs, pair{b[c.i], a[c.j]})
		}
	}
	return pairs
}

// alike reports whether two elements have anything in common at all.
func alike(db, da *doc, b, a value) bool {
	if db.kind(b) != '{' || da.kind(a) != '{' {
		return db.kind(b) == da.kind(a) && !db.empty(b) && !da.empty(a)
	}
	if db.textAt(b, definitionID) != da.textAt(a, definitionID) {
		return false
	}
	found := false
	db.each(b, func(name []byte, _ value) bool {
		_, found = da.get(a, text(name))
		return !found
	})
	return found
}

// shape is what an element is made of: hashes of its members' places, and of them
// with their values, in order.
type shape []uint64

func shapes(d *doc, elements []value, which []int) []shape {
	out := make([]shape, len(which))
	for i, e := range which {
		d.shape(elements[e], "", &out[i])
		slices.Sort(out[i])
	}
	return out
}

func (d *doc) shape(v value, path string, out *shape) {
	if len(*out) >= shapeSize {
		return
	}
	h := hash(fnvBasis, path)
	if path != "" {
		*out = append(*out, h)
	}
	switch d.kind(v) {
	case '{':
		// Of settings the definition tells one child from another.
		path += "/" + d.textAt(v, definitionID)
		d.each(v, func(name []byte, m value) bool {
			d.shape(m, path+"."+string(name), out)
			return len(*out) < shapeSize
		})
	case '[':
		d.each(v, func(_ []byte, e value) bool {
			d.shape(e, path+"[]", out)
			return len(*out) < shapeSize
		})
	default:
		// What it says counts more than that it says something.
		h = hash(hash(h, "\x00"), d.bytes(v))
		for i := range uint64(3) {
			*out = append(*out, h+i)
		}
	}
}

// hash is FNV-1a, from h on. It is the same in every process: scores that rest on it
// decide which elements are compared.
func hash[T string | []byte](h uint64, text T) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

const fnvBasis = 14695981039346656037

// common counts what two shapes have in common.
func common(x, y shape) int {
	n := 0
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] == y[j]:
			n++
			i++
			j++
		case x[i] < y[j]:
			i++
		default:
			j++
		}
	}
	return n
}
