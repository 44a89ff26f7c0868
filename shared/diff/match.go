package diff

import (
	"bytes"
	"cmp"
	"hash/fnv"
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
	at := make(map[uint64][]int32, len(after))
	for i, v := range slices.Backward(after) {
		h := maphash.Bytes(seed, da.bytes(v))
		at[h] = append(at[h], int32(i)) //nolint:gosec // documents are far below 4 GiB
	}
	var pairs []pair
	for i, v := range before {
		h := maphash.Bytes(seed, db.bytes(v))
		open := at[h]
		for k, j := range slices.Backward(open) {
			if equal(db, da, v, after[j]) {
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
	// Equal scores are decided by position, and equal positions by content.
	turned := turnedRound(db, da, before, after, b, a)
	type candidate struct{ pair, score, apart, first, second int }
	var all []candidate
	for i := range b {
		for j := range a {
			if score := common(shapesB[i], shapesA[j]); score > 0 {
				c := candidate{i*len(a) + j, score, max(i-j, j-i), i, j}
				if turned {
					c.first, c.second = j, i
				}
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(x, y candidate) int {
		return cmp.Or(y.score-x.score, x.apart-y.apart, x.first-y.first, x.second-y.second)
	})
	doneB, doneA := make([]bool, len(b)), make([]bool, len(a))
	for _, c := range all {
		i, j := c.pair/len(a), c.pair%len(a)
		if !doneB[i] && !doneA[j] {
			doneB[i], doneA[j] = true, true
			pairs = append(pairs, pair{b[i], a[j]})
		}
	}
	return pairs
}

func turnedRound(db, da *doc, before, after []value, b, a []int) bool {
	for k := range min(len(b), len(a)) {
		if c := bytes.Compare(db.bytes(before[b[k]]), da.bytes(after[a[k]])); c != 0 {
			return c > 0
		}
	}
	return len(b) > len(a)
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
	h := fnv.New64a()
	h.Write([]byte(path))
	if path != "" {
		*out = append(*out, h.Sum64())
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
		h.Write([]byte{0})
		h.Write(d.bytes(v))
		for i := range uint64(3) {
			*out = append(*out, h.Sum64()+i)
		}
	}
}

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
