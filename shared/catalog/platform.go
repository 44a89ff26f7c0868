package catalog

import "strings"

// platforms are the beginnings of derived types' names, from Microsoft's
// published metadata (microsoftgraph/msgraph-metadata, MIT), the longer ones
// before what they begin with.
var platforms = []struct{ prefix, platform string }{
	{"windowsPhone", "windowsPhone"}, {"windows", "windows10"}, {"win32", "windows10"}, {"winGet", "windows10"},
	{"mdmWindows", "windows10"}, {"sharedPC", "windows10"}, {"editionUpgrade", "windows10"}, {"officeSuite", "windows10"},
	{"microsoftStoreForBusiness", "windows10"}, {"activeDirectoryWindows", "windows10"}, {"azureADWindows", "windows10"},
	{"ios", "iOS"}, {"managedIOS", "iOS"}, {"depIOS", "iOS"},
	{"macOS", "macOS"}, {"macOs", "macOS"}, {"depMacOS", "macOS"}, {"depTvOS", "tvOS"}, {"depVisionOS", "visionOS"},
	{"android", "android"}, {"aosp", "android"}, {"managedAndroid", "android"},
}

// platformOf is the platform of a derived type, "" when its name does not say
// it. Nothing depends on it but filters.
func platformOf(derived string) string {
	for _, p := range platforms {
		if strings.HasPrefix(derived, p.prefix) {
			return p.platform
		}
	}
	return ""
}
