package diff

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// separator stands between the names of a label, the outer one first.
const separator = " › "

// words are spelt so in labels, wherever they stand.
var words = map[string]string{
	"ad": "AD", "android": "Android", "apple": "Apple", "azure": "Azure", "defender": "Defender", "intune": "Intune", "microsoft": "Microsoft", "office": "Office", "windows": "Windows",
	"api": "API", "bios": "BIOS", "bitlocker": "BitLocker", "cdn": "CDN", "dns": "DNS", "dma": "DMA", "eap": "EAP", "html": "HTML", "http": "HTTP", "https": "HTTPS",
	"icloud": "iCloud", "id": "ID", "ids": "IDs", "ios": "iOS", "ip": "IP", "mac": "Mac", "macos": "macOS", "mdm": "MDM", "nfc": "NFC", "oma": "OMA", "os": "OS",
	"pin": "PIN", "pki": "PKI", "sim": "SIM", "smb": "SMB", "sms": "SMS", "ssid": "SSID", "tls": "TLS", "tpm": "TPM", "uac": "UAC", "uefi": "UEFI", "uri": "URI",
	"url": "URL", "urls": "URLs", "usb": "USB", "vpn": "VPN", "wifi": "Wi-Fi", "wpa": "WPA", "xml": "XML",
}

// titles are the names of properties that their spelling does not give.
var titles = map[string]string{
	"@odata.type": "Type", "roleScopeTagIds": "Scope tag", "roleScopeTags": "Scope tag", "scopeIds": "Scope tag",
	"omaSettings": "OMA-URI settings", "omaUri": "OMA-URI", "displayName": "Name", "scheduledActionsForRule": "Actions", "scheduledActionConfigurations": "",
	"definitionValues": "", "presentationValues": "", "localizedNotificationMessages": "Message", "settings": "Settings",
}

// humanise makes words of a property name: "passwordMinimumLength" is "Password
// minimum length".
func humanise(name string) string {
	if title, ok := titles[name]; ok {
		return title
	}
	return spell(name)
}

func spell(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	var out []string
	for _, word := range splitWords(name) {
		low := strings.ToLower(word)
		switch known, ok := words[low]; {
		case ok:
			word = known
		case len(word) > 1 && word == strings.ToUpper(word): // an abbreviation as it is
		default:
			word = low
		}
		out = append(out, word)
	}
	return upperFirst(strings.Join(out, " "))
}

var oneWord = strings.NewReplacer("wiFi", "wifi", "WiFi", "Wifi", "bitLocker", "bitlocker", "BitLocker", "Bitlocker", "macOS", "macos", "iCloud", "icloud")

// splitWords parts a name before capitals and at other signs. Capitals in a row are
// one word, but for the last, when a small letter follows it.
func splitWords(name string) []string {
	name = oneWord.Replace(name)
	var out []string
	letters := []rune(name)
	start := 0
	cut := func(end int) {
		if end > start {
			out = append(out, string(letters[start:end]))
		}
		start = end
	}
	for i, r := range letters {
		switch {
		case r == '_' || r == ' ' || r == '-':
			cut(i)
			start = i + 1
		case i > start+1 && unicode.IsDigit(r) && unicode.IsLetter(letters[i-1]) && unicode.IsLetter(letters[i-2]): // "as32"
			cut(i)
		case i > start && unicode.IsUpper(r) && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])):
			cut(i)
		}
	}
	cut(len(letters))
	return out
}

// noise begins ids of setting definitions and says nothing to people.
var noise = []string{"device_vendor_msft_", "user_vendor_msft_", "vendor_msft_", "policy_config_", "com.apple."}

var definitionSigns = strings.NewReplacer("_", " ", "~", separator)

// shortDefinition is a readable piece of the id of a setting definition, beside
// that of the setting that it lies in.
func shortDefinition(id, parent string) string {
	short := id
	if i := strings.LastIndexByte(short, '_'); i >= 0 && strings.Contains(short, "--") { // deviceConfiguration--<type>_<property>
		return humanise(short[i+1:])
	}
	shared := 0
	for i := 0; i < len(id) && i < len(parent) && id[i] == parent[i]; i++ {
		if id[i] == '_' {
			shared = i + 1
		}
	}
	if strings.HasPrefix(id, parent+"_") && parent != "" {
		shared = len(parent) + 1
	}
	if shared > 0 && shared < len(id) && trimNoise(id[:shared]) != "" {
		short = id[shared:]
	} else {
		short = trimNoise(id)
		// com.apple.mcx_com.apple.mcx-fdefilevaultoptions: the namespace stands twice.
		if first, rest, ok := strings.Cut(short, "_com.apple."); ok && strings.HasPrefix(rest, first) {
			short = rest
		}
	}
	return upperFirst(strings.TrimSpace(definitionSigns.Replace(short)))
}

func trimNoise(id string) string {
	for _, prefix := range noise {
		id = strings.TrimPrefix(id, prefix)
	}
	return id
}

// shortOption is the part of the id of an option that its setting does not have.
func shortOption(option, definition string) string {
	if rest, ok := strings.CutPrefix(option, definition+"_"); ok && definition != "" && rest != "" {
		return rest
	}
	return ""
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || strings.HasPrefix(s, "iOS") || strings.HasPrefix(s, "macOS") || strings.HasPrefix(s, "iCloud") {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// clip cuts a text to at most n bytes, at the boundary of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
